import { isLagged, type Predictor } from './integer-header.ts';

/** What a predictor knows before the first value. */
export interface StartValues {
  /** `none`: what every value is predicted by; else the value before the first, and with a lag all before it. */
  readonly base: bigint;
  /** What the value before the first has over the one before it; 0 for `none` and with a lag. */
  readonly slope: bigint;
  /** How many values a predictor of periods looks back; 0 for the others. */
  readonly lag: number;
}

/**
 * A start that makes the first residuals like those that follow (the second value is on the line through the first and
 * what comes before it): an odd one out would cost a bin of its own.
 */
export function startValues(values: BigInt64Array, predictor: Predictor, lag: number): StartValues {
  const first = values[0]!;
  if (isLagged(predictor)) return { base: first, slope: 0n, lag };
  if (predictor === 'none') return { base: first, slope: 0n, lag: 0 };
  const slope = BigInt.asIntN(64, (values[1] ?? first) - first);
  return { base: BigInt.asIntN(64, first - slope), slope, lag: 0 };
}

/** How many values must lie in front of the first one. */
export const valuesBefore = (lag: number): number => Math.max(2, lag + 1);

/** Puts the values that come before the first in front of `target`'s values. */
export function writeStart(target: BigInt64Array, { base, slope, lag }: StartValues): void {
  const before = valuesBefore(lag);
  target.fill(base, 0, before);
  // A typed array keeps the low 64 bits.
  target[before - 2] = base - slope;
}
