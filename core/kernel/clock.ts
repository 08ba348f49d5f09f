import type { AbortOptions } from './abort.ts';

/** Time is injected: nothing below the composition root reads the machine's clock. */
export interface Clock {
  /** Wall clock, whole milliseconds since the UNIX epoch. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. For durations only. */
  monotonic(): number;
}

/** Resolves after so many milliseconds, earlier by rejecting when the signal fires. */
export type Wait = (milliseconds: number, options: AbortOptions) => Promise<void>;
