import { chooseBins } from './bins.ts';
import { align, type Codec, HEAP, useCodec } from './codec-instance.ts';
import { findLags } from './find-lag.ts';
import { PREDICTORS, type Predictor } from './integer-header.ts';
import { type Extremes, readExtremes } from './integer-layout.ts';
import { startValues, valuesBefore, writeStart } from './start-values.ts';

/** A predictor, and how many values one of periods looks back; 0 for the others. */
export interface IntegerPlan {
  readonly predictor: Predictor;
  readonly lag: number;
}

export interface IntegerEstimate extends IntegerPlan {
  /** Entropy of the classes plus offset bits, as far as a sample tells; without a ranker. */
  readonly bitsPerValue: number;
}

/** A sample is this many stretches of neighbours, spread evenly: predictors need neighbours. */
const STRETCHES = 8;
const STRETCH_VALUES = 128;
/** Possible cuts between bins; a fifth of what the real choice looks at. */
const QUANTILES = 16;

const NO_LAGS = { period: 0, lorenzo: 0 };

/** The best of thousands of distances looks a little better on a sample than it is. */
const CHANCE_BITS = 0.1;

/**
 * What each predictor would cost, the cheapest first; of equals the simplest first. For at least one value. Without
 * `withLags` no period is looked for, which takes as long as all the rest.
 */
export function estimateIntegers(values: BigInt64Array, withLags = true): IntegerEstimate[] {
  const codec = useCodec();
  const lags: Partial<Record<Predictor, number>> = withLags ? findLags(values) : NO_LAGS;
  return PREDICTORS.map((predictor) => ({ predictor, lag: lags[predictor] ?? 0 }))
    .filter(({ predictor, lag }) => lag > 0 || !(predictor in lags))
    .map((plan) => ({ ...plan, bitsPerValue: estimate(codec, values, plan) + (plan.lag > 0 ? CHANCE_BITS : 0) }))
    .sort((a, b) => a.bitsPerValue - b.bitsPerValue);
}

/** Residuals of the sample, computed where the whole column's are. */
function estimate(codec: Codec, values: BigInt64Array, plan: IntegerPlan): number {
  const sample = sampleResiduals(codec, values, plan, false) ?? sampleResiduals(codec, values, plan, true)!;
  return chooseBins(sample.residuals, sample, QUANTILES).bitsPerValue;
}

interface ResidualSample extends Extremes {
  readonly residuals: Int32Array | BigInt64Array;
  readonly complete: false;
}

/** Undefined when a residual needs more than 32 bits and `wide` is false. */
function sampleResiduals(
  { exports, reserve }: Codec,
  values: BigInt64Array,
  { predictor, lag }: IntegerPlan,
  wide: boolean,
): ResidualSample | undefined {
  const origin = startValues(values, predictor, lag);
  const code = PREDICTORS.indexOf(predictor);
  const stretch = Math.min(STRETCH_VALUES, values.length);
  // Vectors of four values: of fewer, there is no saving time on either.
  if (!wide && stretch % 4 !== 0) return undefined;
  const stretches = values.length > STRETCHES * STRETCH_VALUES ? STRETCHES : Math.ceil(values.length / stretch);
  const before = valuesBefore(lag);
  const source = HEAP + align(before * 8);
  const target = source + STRETCH_VALUES * 8 + 64;
  const memory = reserve(target + STRETCH_VALUES * 8);
  const residuals = new (wide ? BigInt64Array : Int32Array)(stretches * stretch);
  let smallest = 2n ** 63n;
  let largest = -(2n ** 63n);
  // The first period has nothing to look back at: of a long column it does not count.
  const skipped = values.length > STRETCHES * lag ? Math.min(lag, values.length - stretch) : 0;
  for (let i = 0; i < stretches; i++) {
    const start =
      stretches === 1 ? 0 : skipped + Math.floor((i * (values.length - stretch - skipped)) / (stretches - 1));
    const copy = new BigInt64Array(memory.buffer, source - before * 8, before + stretch);
    writeStart(copy, origin);
    const known = Math.min(start, before);
    copy.set(values.subarray(start - known, start + stretch), before - known);
    if (wide) exports.predict64(source, target, stretch, code, origin.base, lag * 8);
    else if (!exports.predict32(source, target, stretch, code, origin.base, lag * 8)) return undefined;
    const extremes = readExtremes(memory, wide);
    if (extremes.smallest < smallest) smallest = extremes.smallest;
    if (extremes.largest > largest) largest = extremes.largest;
    const bytes = new Uint8Array(residuals.buffer);
    bytes.set(
      memory.subarray(target, target + stretch * residuals.BYTES_PER_ELEMENT),
      i * stretch * residuals.BYTES_PER_ELEMENT,
    );
  }
  return { residuals, smallest, largest, complete: false };
}
