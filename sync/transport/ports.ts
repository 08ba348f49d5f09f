/** Lines between devices, and what the transport needs from outside: time and a place for the addresses of others. */
import type { AbortOptions } from '#core/kernel/index.ts';
import type { TransportCounts } from './counters.ts';

/**
 * One stream to a peer whose key the line has proved. It carries frames whole and in order, and fits the channels that
 * reconciliation and the transfer of segments ask for.
 */
export interface PeerStream {
  /** The other device's Ed25519 public key, 32 bytes. */
  readonly peer: Uint8Array;
  /** 32 bytes that only these two devices have, and only on this stream; equal on both sides. */
  readonly binding: Uint8Array;
  /** True when it runs over a relay that limits bytes or time. */
  readonly isLimited: boolean;
  /**
   * Resolves once there is room for the next frame, so that a slow reader makes its sender wait; frames go in the order of
   * the calls. Errors: `SYNC_INTERRUPTED` when the stream is closed or broken.
   */
  send(frame: Uint8Array): Promise<void>;
  /**
   * The frames of the other side, read once; more is taken from the line only when it is asked for. Ends when either side
   * closes or the line breaks: protocols say themselves when they are through.
   */
  readonly frames: AsyncIterable<Uint8Array>;
  /** The same as {@link frames}. */
  receive(): AsyncIterable<Uint8Array>;
  /** Ends the stream; what was sent still arrives, nothing more is read. Never rejects. */
  close(): Promise<void>;
  /** Ends the stream at once; what is under way may be lost. */
  abort(): void;
}

export interface ProtocolLimits {
  /** Bytes; a longer frame ends its stream. */
  readonly maxFrameBytes: number;
  /** Streams that one peer may have open under the protocol. */
  readonly maxStreamsPerPeer: number;
}

export interface OpenOptions extends AbortOptions {
  /** Longest frame taken from the other side; by default what `handle` was told for the protocol, else `FRAME_BYTES_MAX`. */
  readonly maxFrameBytes?: number;
}

/** A device that is connected now. */
export interface ConnectedPeer {
  readonly peer: Uint8Array;
  /** The address at which it is, or from which it came. */
  readonly address: string;
  readonly direction: 'in' | 'out';
  readonly isLimited: boolean;
  /** Milliseconds since the UNIX epoch. */
  readonly connectedAt: number;
}

export interface TransportEvent {
  /**
   * `discovered`: the peer said on the local network that it is there. `crowding`: it brought a stream that was one too many,
   * and was refused.
   */
  readonly kind: 'connected' | 'disconnected' | 'discovered' | 'crowding';
  readonly peer: Uint8Array;
}

export interface Transport extends AsyncDisposable {
  /** The own public key, 32 bytes. */
  readonly self: Uint8Array;
  /** Multiaddrs at which others can reach this device now, best first: local network, internet, relays. */
  addresses(): string[];
  /**
   * Learns where a peer may be, from a device or, by default, from a ticket or a person. That replaces what the same one said
   * of the peer before. Malformed addresses and those of other peers are left out.
   */
  addAddresses(peer: Uint8Array, addresses: readonly string[], teller?: Uint8Array): void;
  /** Where a peer was said to be or was, best first: what may be told to others who want to meet it. */
  knownAddresses(peer: Uint8Array): readonly string[];
  /**
   * Opens a stream, and a line when there is none. Errors: `PEER_UNREACHABLE` when no line can be had, `SYNC_REFUSED` when
   * the peer does not speak the protocol, `CANCELLED`.
   */
  open(peer: Uint8Array, protocol: string, options?: OpenOptions): Promise<PeerStream>;
  /** Takes streams that others open. The stream is closed when the handler resolves and aborted when it rejects. */
  handle(protocol: string, limits: ProtocolLimits, handler: (stream: PeerStream) => Promise<void>): void;
  /** Each connected peer once, by its best line. */
  peers(): ConnectedPeer[];
  /** Returns a function that ends the listening. */
  onChange(listener: (event: TransportEvent) => void): () => void;
  /** Keeps trying to be connected with these peers, public keys in hexadecimal; replaces the earlier set. */
  keepConnected(peers: ReadonlySet<string>): void;
  /**
   * Has no line to a peer until a moment, in milliseconds since the UNIX epoch: ends those that there are, dials it not, and
   * refuses it when it comes. Replaces what was said of the peer before.
   */
  refuse(peer: Uint8Array, until: number): void;
  /** Until when a peer is refused; undefined for one that is not. */
  refusedUntil(peer: Uint8Array): number | undefined;
  /** What happened so far, as plain data. */
  counts(): TransportCounts;
}
