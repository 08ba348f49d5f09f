/** Time is injected: nothing below the composition root reads the machine's clock. */
export interface Clock {
  /** Wall clock, whole milliseconds since the UNIX epoch. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. For durations only. */
  monotonic(): number;
}
