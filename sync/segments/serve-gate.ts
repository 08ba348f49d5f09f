import {
  type AbortOptions,
  type Clock,
  createTokenBucket,
  throwIfAborted,
  type TokenBucket,
} from '#core/kernel/index.ts';
import type { Wait } from '#core/kernel/index.ts';
import { LEAF_BYTES } from './sealed-layout.ts';

/**
 * What every request costs of the allowance beside its answer: asking for what is not there must not be free, as each
 * question is one to the access rules and one to the disk.
 */
export const REQUEST_COST_BYTES = 1024;

/** Timers overflow beyond; an allowance of nothing waits for ever. */
const WAIT_MS_MAX = 2 ** 31 - 1;

/** What each peer may have; a missing field is no limit. */
export interface ServeLimits {
  /** Bytes a second over all streams of the peer; after a pause as many at once. */
  readonly bytesPerSecond?: number;
  /** Streams of one peer that are served at a time. */
  readonly streams?: number;
}

/** A stream that is served. */
export interface ServePass {
  /** Waits until the peer may have so many bytes; true when it had to. Rejects when the signal fires. */
  spend(byteCount: number, options: AbortOptions): Promise<boolean>;
  leave(): void;
}

/** Keeps the limits of each peer over all its streams, also over those that it ends and opens again. */
export interface ServeGate {
  /** Undefined when the peer has as many streams as it may have. */
  enter(peerId: string): ServePass | undefined;
}

interface Guest {
  readonly bucket: TokenBucket;
  streams: number;
}

export function createServeGate(
  { clock, wait }: { readonly clock: Clock; readonly wait: Wait },
  { bytesPerSecond = Number.POSITIVE_INFINITY, streams = Number.POSITIVE_INFINITY }: ServeLimits = {},
): ServeGate {
  const guests = new Map<string, Guest>();

  /** Whoever left and owes nothing is like one that never came. */
  function forgetOthers(): void {
    for (const [peerId, { bucket, streams: open }] of guests) {
      if (open === 0 && bucket.waitFor(Number.POSITIVE_INFINITY) === 0) guests.delete(peerId);
    }
  }

  return {
    enter(peerId) {
      forgetOthers();
      const guest = guests.get(peerId) ?? { bucket: createTokenBucket(clock, bytesPerSecond, LEAF_BYTES), streams: 0 };
      if (guest.streams >= streams) return undefined;
      guest.streams += 1;
      guests.set(peerId, guest);
      let isIn = true;
      return {
        async spend(byteCount, options) {
          guest.bucket.use(byteCount);
          const milliseconds = guest.bucket.waitFor(0);
          if (milliseconds > 0) await wait(Math.min(milliseconds, WAIT_MS_MAX), options);
          throwIfAborted(options.signal);
          return milliseconds > 0;
        },
        leave() {
          if (isIn) guest.streams -= 1;
          isIn = false;
        },
      };
    },
  };
}
