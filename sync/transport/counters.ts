import { COUNTED_PEERS_MAX, COUNTED_PROTOCOLS_MAX } from './limits.ts';

/** What is counted beside bytes. Refused lines and streams, dials and their ends, and why streams were broken off. */
export type CountedEvent =
  | 'dial'
  | 'dial-failed'
  | 'line-opened'
  | 'line-closed'
  | 'line-silent'
  | 'line-refused-peer'
  | 'line-refused-for-now'
  | 'line-refused-network'
  | 'line-refused-limit'
  | 'line-refused-stranger'
  | 'line-stranger-ended'
  | 'line-refused-relay'
  | 'stream-opened'
  | 'stream-taken'
  | 'stream-refused-limit'
  | 'stream-reset'
  | 'stream-idle'
  | 'stream-half-open'
  | 'stream-overrun'
  | 'handler-failed'
  | 'peer-refused'
  | 'frame-empty'
  | 'frame-too-long'
  | 'frame-length-malformed'
  | 'address-refused'
  | 'relay-reserved'
  | 'relay-failed';

/** Bytes of frames with their lengths, without what the line adds. */
export interface ByteCounts {
  in: number;
  out: number;
}

export interface TransportCounts {
  readonly events: Readonly<Partial<Record<CountedEvent, number>>>;
  /** By public key in hexadecimal, then by protocol. */
  readonly bytes: Readonly<Record<string, Readonly<Record<string, Readonly<ByteCounts>>>>>;
}

/** Counts for as long as the transport lives. */
export class TransportCounters {
  readonly #events = new Map<CountedEvent, number>();
  readonly #bytes = new Map<string, Map<string, ByteCounts>>();

  count(event: CountedEvent): void {
    this.#events.set(event, (this.#events.get(event) ?? 0) + 1);
  }

  /** The account of one peer and protocol, to be added to. */
  bytesOf(peer: string, protocol: string): ByteCounts {
    const protocols = this.#bytes.get(peer) ?? new Map<string, ByteCounts>();
    this.#bytes.delete(peer);
    this.#bytes.set(peer, protocols);
    makeRoom(this.#bytes, COUNTED_PEERS_MAX);
    const counts = protocols.get(protocol) ?? { in: 0, out: 0 };
    protocols.set(protocol, counts);
    makeRoom(protocols, COUNTED_PROTOCOLS_MAX);
    return counts;
  }

  snapshot(): TransportCounts {
    const bytes = [...this.#bytes].map(([peer, protocols]) => [
      peer,
      Object.fromEntries([...protocols].map(([protocol, counts]) => [protocol, { ...counts }])),
    ]);
    return { events: Object.fromEntries(this.#events), bytes: Object.fromEntries(bytes) };
  }
}

function makeRoom(map: Map<string, unknown>, sizeMax: number): void {
  for (const key of map.keys()) {
    if (map.size <= sizeMax) return;
    map.delete(key);
  }
}
