/** An allowance that fills up with time, such as one of bytes: what is not used is kept for a second, and not longer. */
import type { Clock } from './clock.ts';

export interface TokenBucket {
  /** Bytes that may be used now; negative while more was used than there was. */
  readonly available: number;
  /** Uses bytes, also when there are not enough. */
  use(byteCount: number): void;
  /** Gives back what was not needed. */
  giveBack(byteCount: number): void;
  /** Milliseconds until so many bytes, or as many as the bucket holds, are available; 0 when they are. */
  waitFor(byteCount: number): number;
}

/**
 * `bytesPerSecond` may be infinite. The bucket holds a second's bytes, but never less than `bytesMin`, so that a slow
 * allowance still suffices for the smallest thing there is.
 */
export function createTokenBucket(clock: Clock, bytesPerSecond: number, bytesMin: number): TokenBucket {
  const capacity = Math.max(bytesPerSecond, bytesMin);
  let available = capacity;
  let filledAt = clock.monotonic();
  const fill = (): number => {
    const now = clock.monotonic();
    if (now > filledAt) available = Math.min(capacity, available + ((now - filledAt) / 1000) * bytesPerSecond);
    filledAt = now;
    return available;
  };
  return {
    get available() {
      return fill();
    },
    use(byteCount) {
      available = fill() - byteCount;
    },
    giveBack(byteCount) {
      available = Math.min(capacity, fill() + byteCount);
    },
    waitFor(byteCount) {
      const missing = Math.min(byteCount, capacity) - fill();
      return missing > 0 ? Math.ceil((missing / bytesPerSecond) * 1000) : 0;
    },
  };
}
