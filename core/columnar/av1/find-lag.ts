import { wordsOf } from '../int64.ts';
import { LAG_MIN } from './integer-header.ts';

/** Longer periods than this are not looked for: the sample would cost more than they gain. */
const LAGS = 2048;
/** Neighbours that every distance is tried on. */
const SAMPLE_VALUES = 192;

/** The distances at which the values themselves, and their steps, resemble each other most; 0 where there is none. */
export interface Lags {
  readonly period: number;
  readonly lorenzo: number;
}

/** The shortest distance that comes this near to the best is taken: multiples of a period are as good by chance. */
const NEARLY = 1.05;

/** Every distance is tried on this many neighbours first, and only so many of the best on all of them. */
const FIRST_VALUES = 40;
const SECOND_LAGS = 64;

/** Looks for a period on a stretch in the middle of the values: the distance at which differences take the fewest bits. */
export function findLags(values: BigInt64Array): Lags {
  const lagMax = Math.min(LAGS, Math.floor(values.length / 4));
  const sampleCount = Math.min(SAMPLE_VALUES, values.length - lagMax - 1);
  if (lagMax < LAG_MIN || sampleCount < 16) return { period: 0, lorenzo: 0 };
  const start = (values.length - sampleCount - lagMax - 1) >> 1;
  // Differences of low halves: what needs more than 32 bits is not periodic in any way that would pay.
  const words = wordsOf(values);
  const stretch = new Int32Array(sampleCount + lagMax + 1);
  for (let i = 0; i < stretch.length; i++) stretch[i] = words[2 * (start + i)]! - words[2 * start]!;
  const steps = new Int32Array(stretch.length);
  for (let i = 1; i < steps.length; i++) steps[i] = stretch[i]! - stretch[i - 1]!;
  return { period: bestLag(stretch, lagMax, sampleCount), lorenzo: bestLag(steps, lagMax, sampleCount) };
}

function bestLag(values: Int32Array, lagMax: number, sampleCount: number): number {
  const firstCount = Math.min(FIRST_VALUES, sampleCount);
  const first = new Int32Array(lagMax + 1);
  const lagsByBits = new Int32Array(firstCount * 32 + 1);
  for (let lag = LAG_MIN; lag <= lagMax; lag++) {
    first[lag] = bitsAt(values, lag, firstCount);
    lagsByBits[first[lag]!]! += 1;
  }
  let firstMax = 0;
  for (let lags = lagsByBits[0]!; lags < SECOND_LAGS && firstMax + 1 < lagsByBits.length;)
    lags += lagsByBits[++firstMax]!;
  const bits = new Float64Array(lagMax + 1).fill(Infinity);
  let least = Infinity;
  for (let lag = LAG_MIN, tried = 0; lag <= lagMax && tried < 2 * SECOND_LAGS; lag++) {
    if (first[lag]! > firstMax) continue;
    tried += 1;
    bits[lag] = bitsAt(values, lag, sampleCount);
    if (bits[lag]! < least) least = bits[lag]!;
  }
  return bits.findIndex((sum) => sum <= least * NEARLY);
}

/** Bits that the differences of the last `count` values take at a distance. */
function bitsAt(values: Int32Array, lag: number, count: number): number {
  let sum = 0;
  for (let i = values.length - count; i < values.length; i++) {
    const difference = (values[i]! - values[i - lag]!) | 0;
    sum += 32 - Math.clz32(difference < 0 ? -difference : difference);
  }
  return sum;
}
