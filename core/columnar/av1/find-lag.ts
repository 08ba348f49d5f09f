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

const bitsOf = (difference: number): number => 32 - Math.clz32(Math.abs(difference));

/** The shortest distance that comes this near to the best is taken: multiples of a period are as good by chance. */
const NEARLY = 1.05;

/** Looks for a period on a stretch in the middle of the values: the distance at which differences take the fewest bits. */
export function findLags(values: BigInt64Array): Lags {
  const lagMax = Math.min(LAGS, Math.floor(values.length / 4));
  const sampleCount = Math.min(SAMPLE_VALUES, values.length - lagMax - 1);
  if (lagMax < LAG_MIN || sampleCount < 16) return { period: 0, lorenzo: 0 };
  const start = (values.length - sampleCount - lagMax - 1) >> 1;
  const first = values[start]!;
  // Differences of low halves: what needs more than 32 bits is not periodic in any way that would pay.
  const stretch = new Int32Array(sampleCount + lagMax + 1);
  for (let i = 0; i < stretch.length; i++) stretch[i] = Number(BigInt.asIntN(32, values[start + i]! - first));
  const steps = stretch.map((value, i) => value - (stretch[i - 1] ?? value));
  return { period: bestLag(stretch, lagMax, sampleCount), lorenzo: bestLag(steps, lagMax, sampleCount) };
}

function bestLag(values: Int32Array, lagMax: number, sampleCount: number): number {
  const from = values.length - sampleCount;
  const bits = new Float64Array(lagMax + 1).fill(Infinity);
  for (let lag = LAG_MIN; lag <= lagMax; lag++) {
    let sum = 0;
    for (let i = from; i < values.length; i++) sum += bitsOf((values[i]! - values[i - lag]!) | 0);
    bits[lag] = sum;
  }
  const least = bits.reduce((a, b) => Math.min(a, b));
  return bits.findIndex((sum) => sum <= least * NEARLY);
}
