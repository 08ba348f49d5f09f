import { chooseBins } from './bins.ts';
import { type Codec, HEAP, useCodec } from './codec-instance.ts';
import { PREDICTORS, type Predictor } from './integer-header.ts';
import { type Extremes, readExtremes } from './integer-layout.ts';
import { startValues, writeStart } from './start-values.ts';

export interface IntegerEstimate {
  readonly predictor: Predictor;
  /** Entropy of the classes plus offset bits, as far as a sample tells; without a ranker. */
  readonly bitsPerValue: number;
}

/** A sample is this many stretches of neighbours, spread evenly: predictors need neighbours. */
const STRETCHES = 8;
const STRETCH_VALUES = 128;
/** Possible cuts between bins; a fifth of what the real choice looks at. */
const QUANTILES = 16;

/** What each predictor would cost, the cheapest first; of equals the simplest first. For at least one value. */
export function estimateIntegers(values: BigInt64Array): IntegerEstimate[] {
  const codec = useCodec();
  return PREDICTORS.map((predictor) => ({ predictor, bitsPerValue: estimate(codec, values, predictor) })).sort(
    (a, b) => a.bitsPerValue - b.bitsPerValue,
  );
}

/** Residuals of the sample, computed where the whole column's are. */
function estimate(codec: Codec, values: BigInt64Array, predictor: Predictor): number {
  const sample = sampleResiduals(codec, values, predictor, false) ?? sampleResiduals(codec, values, predictor, true)!;
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
  predictor: Predictor,
  wide: boolean,
): ResidualSample | undefined {
  const origin = startValues(values, predictor);
  const code = PREDICTORS.indexOf(predictor);
  const stretch = Math.min(STRETCH_VALUES, values.length);
  // Vectors of four values: of fewer, there is no saving time on either.
  if (!wide && stretch % 4 !== 0) return undefined;
  const stretches = values.length > STRETCHES * STRETCH_VALUES ? STRETCHES : Math.ceil(values.length / stretch);
  const source = HEAP + 64;
  const target = source + STRETCH_VALUES * 8 + 64;
  const memory = reserve(target + STRETCH_VALUES * 8);
  const residuals = new (wide ? BigInt64Array : Int32Array)(stretches * stretch);
  let smallest = 2n ** 63n;
  let largest = -(2n ** 63n);
  for (let i = 0; i < stretches; i++) {
    const start = stretches === 1 ? 0 : Math.floor((i * (values.length - stretch)) / (stretches - 1));
    const copy = new BigInt64Array(memory.buffer, source - 16, stretch + 2);
    if (start < 2) {
      writeStart(copy, origin);
      copy.set(values.subarray(0, stretch), 2);
    } else copy.set(values.subarray(start - 2, start + stretch));
    if (wide) exports.predict64(source, target, stretch, code, origin.base);
    else if (!exports.predict32(source, target, stretch, code, origin.base)) return undefined;
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
