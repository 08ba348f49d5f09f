import type { Connection, Stream } from '@libp2p/interface';
import { toHex } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import type { TransportCounters } from '../counters.ts';
import type { PeerStream, ProtocolLimits } from '../ports.ts';
import type { StreamAllowances } from '../stream-allowances.ts';
import { streamBinding } from '../stream-binding.ts';
import { Libp2pStream } from './libp2p-stream.ts';
import { keyOfPeer } from './peer-keys.ts';
import type { ProvedLines } from './proved-lines.ts';

export interface StreamRegisterDeps {
  readonly self: Uint8Array;
  readonly blake3: Blake3;
  readonly lines: ProvedLines;
  readonly counters: TransportCounters;
  readonly allowances: StreamAllowances;
  /** A stream of this peer was one too many. */
  readonly onRefused: (peer: Uint8Array) => void;
  /** Milliseconds, as of `Clock.monotonic`. */
  readonly now: () => number;
}

export interface Protocol {
  readonly limits: ProtocolLimits;
  readonly handler: (stream: PeerStream) => Promise<void>;
}

interface OpenStream {
  readonly framed: Libp2pStream;
  readonly connection: Connection;
  readonly peer: string;
  readonly protocol: string;
  readonly isTaken: boolean;
}

/** The streams of the node's own protocols that are open. */
export class StreamRegister {
  readonly #deps: StreamRegisterDeps;
  readonly #open = new Set<OpenStream>();

  constructor(deps: StreamRegisterDeps) {
    this.#deps = deps;
  }

  /** A stream that this side opened. */
  add(stream: Stream, connection: Connection, maxFrameBytes: number): PeerStream {
    this.#deps.counters.count('stream-opened');
    return this.#frame(stream, connection, maxFrameBytes, false);
  }

  /** A stream that the other side opened; it is refused when it is one too many. */
  take(stream: Stream, connection: Connection, { limits, handler }: Protocol): void {
    const { counters, allowances, onRefused } = this.#deps;
    const key = keyOfPeer(connection.remotePeer)!;
    const peer = toHex(key);
    const same = this.#all().filter((open) => open.isTaken && open.peer === peer && open.protocol === stream.protocol);
    const isOver = same.length >= limits.maxStreamsPerPeer;
    if (isOver || !allowances.takes(peer)) {
      counters.count(isOver ? 'stream-refused-limit' : 'stream-refused-rate');
      stream.abort(new Error('The peer brings too many streams.'));
      onRefused(key);
      return;
    }
    counters.count('stream-taken');
    const framed = this.#frame(stream, connection, limits.maxFrameBytes, true);
    handler(framed).then(
      () => framed.close(),
      () => {
        counters.count('handler-failed');
        framed.abort();
      },
    );
  }

  /** True while a stream of the node's protocols uses the line. */
  uses(connection: Connection): boolean {
    return this.#all().some((open) => open.connection === connection);
  }

  /** To be called about once a second. */
  beat(): void {
    for (const { framed } of this.#all()) framed.beat();
  }

  #all(): OpenStream[] {
    for (const open of this.#open) if (open.framed.isOver) this.#open.delete(open);
    return [...this.#open];
  }

  #frame(stream: Stream, connection: Connection, maxFrameBytes: number, isTaken: boolean): Libp2pStream {
    const { self, blake3, lines, counters, now } = this.#deps;
    const key = keyOfPeer(connection.remotePeer)!;
    const { protocol } = stream;
    const framed = new Libp2pStream(stream, {
      peer: key,
      binding: streamBinding(blake3, {
        opener: isTaken ? key : self,
        taker: isTaken ? self : key,
        protocol,
        lineSecret: lines.of(connection)!.secret,
        streamId: stream.id,
      }),
      isLimited: connection.limits !== undefined,
      maxFrameBytes,
      bytes: counters.bytesOf(toHex(key), protocol),
      count: (event) => counters.count(event),
      now,
    });
    this.#open.add({ framed, connection, peer: toHex(key), protocol, isTaken });
    return framed;
  }
}
