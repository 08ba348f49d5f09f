/**
 * A time of a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): the wall clock in milliseconds as
 * far as it goes forward, and a counter where it does not. Later entries of a journal have later times, whatever the
 * machine's clock does.
 */
export interface HybridTime {
  readonly wall: number;
  readonly counter: number;
}

/** The next time after `last`, at the wall clock's `now`. */
export const nextHybridTime = (last: HybridTime, now: number): HybridTime =>
  now > last.wall ? { wall: now, counter: 0 } : { wall: last.wall, counter: last.counter + 1 };
