import type { Predictor } from './integer-header.ts';

/** What a predictor knows before the first value. */
export interface StartValues {
  /** `none`: what every value is predicted by; else the value before the first. */
  readonly base: bigint;
  /** What the value before the first has over the one before it; 0 for `none`. */
  readonly slope: bigint;
}

/**
 * A start that makes the first residuals like those that follow (the second value is on the line through the first and
 * what comes before it): an odd one out would cost a bin of its own.
 */
export function startValues(values: BigInt64Array, predictor: Predictor): StartValues {
  const first = values[0]!;
  if (predictor === 'none') return { base: first, slope: 0n };
  const slope = BigInt.asIntN(64, (values[1] ?? first) - first);
  return { base: BigInt.asIntN(64, first - slope), slope };
}

/** Puts the two values that come before the first in front of `target`'s values. */
export function writeStart(target: BigInt64Array, { base, slope }: StartValues): void {
  // A typed array keeps the low 64 bits.
  target[0] = base - slope;
  target[1] = base;
}
