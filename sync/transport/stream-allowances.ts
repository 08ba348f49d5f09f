import { type Clock, createTokenBucket, type TokenBucket } from '#core/kernel/index.ts';
import { COUNTED_PEERS_MAX, STREAMS_BURST_MAX, STREAMS_PER_SECOND_MAX } from './limits.ts';

/** What peers may still bring in streams, over all protocols, by public key in hexadecimal. */
export class StreamAllowances {
  readonly #clock: Clock;
  /** The one that brought nothing for the longest time comes first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False for a stream that is one too many. */
  takes(peer: string): boolean {
    const bucket = this.#buckets.get(peer) ?? createTokenBucket(this.#clock, STREAMS_PER_SECOND_MAX, STREAMS_BURST_MAX);
    this.#buckets.delete(peer);
    this.#buckets.set(peer, bucket);
    if (this.#buckets.size > COUNTED_PEERS_MAX) this.#buckets.delete(this.#buckets.keys().next().value!);
    if (bucket.available < 1) return false;
    bucket.use(1);
    return true;
  }
}
