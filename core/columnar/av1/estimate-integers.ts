import { chooseBins } from './bins.ts';
import { type Codec, HEAP, useCodec } from './codec-instance.ts';
import { PREDICTORS, type Predictor } from './integer-header.ts';
import { readExtremes } from './integer-layout.ts';
import { startValues, writeStart } from './start-values.ts';

export interface IntegerEstimate {
  readonly predictor: Predictor;
  /** Entropy of the classes plus offset bits, as far as a sample tells; without a ranker. */
  readonly bitsPerValue: number;
}

/** A sample is this many stretches of neighbours, spread evenly: predictors need neighbours. */
const STRETCHES = 8;
const STRETCH_VALUES = 128;
/** Possible cuts between bins; a fourth of what the real choice looks at. */
const QUANTILES = 20;

/** What each predictor would cost, the cheapest first; of equals the simplest first. For at least one value. */
export function estimateIntegers(values: BigInt64Array): IntegerEstimate[] {
  const codec = useCodec();
  return PREDICTORS.map((predictor) => ({ predictor, bitsPerValue: estimate(codec, values, predictor) })).sort(
    (a, b) => a.bitsPerValue - b.bitsPerValue,
  );
}

/** Residuals of the sample, computed where the whole column's are. */
function estimate({ exports, reserve }: Codec, values: BigInt64Array, predictor: Predictor): number {
  const origin = startValues(values, predictor);
  const stretch = Math.min(STRETCH_VALUES, values.length);
  const stretches = values.length > STRETCHES * STRETCH_VALUES ? STRETCHES : Math.ceil(values.length / stretch);
  const source = HEAP + 64;
  const target = source + STRETCH_VALUES * 8 + 64;
  const memory = reserve(target + STRETCH_VALUES * 8);
  const sample = new BigInt64Array(stretches * stretch);
  let smallest = 2n ** 63n;
  let largest = -(2n ** 63n);
  for (let i = 0; i < stretches; i++) {
    const start = stretches === 1 ? 0 : Math.floor((i * (values.length - stretch)) / (stretches - 1));
    const copy = new BigInt64Array(memory.buffer, source - 16, stretch + 2);
    if (start < 2) {
      writeStart(copy, origin);
      copy.set(values.subarray(0, stretch), 2);
    } else copy.set(values.subarray(start - 2, start + stretch));
    exports.predict64(source, target, stretch, PREDICTORS.indexOf(predictor), origin.base);
    const extremes = readExtremes(memory, true);
    if (extremes.smallest < smallest) smallest = extremes.smallest;
    if (extremes.largest > largest) largest = extremes.largest;
    sample.set(new BigInt64Array(memory.buffer, target, stretch), i * stretch);
  }
  return chooseBins(sample, { smallest, largest, complete: false }, QUANTILES).bitsPerValue;
}
