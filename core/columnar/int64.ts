/**
 * 64-bit integers as pairs of 32-bit words (low word first), because arithmetic on single `bigint`s is slow. Hosts are
 * little-endian, as Arrow in JavaScript requires.
 */

const TWO_32 = 2 ** 32;

export const wordsOf = (values: BigInt64Array): Int32Array =>
  new Int32Array(values.buffer, values.byteOffset, values.length * 2);

/** Whole numbers within ±2^53 as 64-bit integers. */
export function fromNumbers(values: ArrayLike<number>): BigInt64Array<ArrayBuffer> {
  const result = new BigInt64Array(values.length);
  const words = wordsOf(result);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    words[2 * i] = value | 0;
    const high = value >> 31;
    words[2 * i + 1] = (value | 0) === value ? high : Math.floor(value / TWO_32);
    if ((value | 0) !== value) words[2 * i] = (value - Math.floor(value / TWO_32) * TWO_32) | 0;
  }
  return result;
}

/** 32-bit and smaller integers as 64-bit ones. */
export function fromSmall(values: ArrayLike<number>): BigInt64Array<ArrayBuffer> {
  const result = new BigInt64Array(values.length);
  const words = wordsOf(result);
  for (let i = 0; i < values.length; i++) {
    words[2 * i] = values[i]!;
    words[2 * i + 1] = values[i]! < 0 ? -1 : 0;
  }
  return result;
}

/** The integers as numbers, or undefined when one of them is outside ±2^53. */
export function toNumbers(values: BigInt64Array): Float64Array<ArrayBuffer> | undefined {
  const result = new Float64Array(values.length);
  const words = wordsOf(values);
  for (let i = 0; i < values.length; i++) {
    const high = words[2 * i + 1]!;
    if (high < -0x200000 || high >= 0x200000) return undefined;
    result[i] = high * TWO_32 + (words[2 * i]! >>> 0);
  }
  return result;
}

/**
 * `integer * factor + summand` for every integer, in one pass; undefined when one of these numbers is outside ±2^53,
 * within which every step is exact in floating point.
 */
export function scaled(values: BigInt64Array, factor: number, summand: number): BigInt64Array<ArrayBuffer> | undefined {
  const result = new BigInt64Array(values.length);
  const from = wordsOf(values);
  const to = wordsOf(result);
  for (let i = 0; i < to.length; i += 2) {
    const high = from[i + 1]!;
    if (high < -0x200000 || high >= 0x200000) return undefined;
    const product = (high * TWO_32 + (from[i]! >>> 0)) * factor;
    const value = product + summand;
    if (Math.abs(product) > Number.MAX_SAFE_INTEGER || Math.abs(value) > Number.MAX_SAFE_INTEGER) return undefined;
    const low = value | 0;
    if (low === value) {
      to[i] = low;
      to[i + 1] = low >> 31;
    } else {
      const upper = Math.floor(value / TWO_32);
      to[i] = (value - upper * TWO_32) | 0;
      to[i + 1] = upper;
    }
  }
  return result;
}

export interface Range {
  readonly min: bigint;
  readonly max: bigint;
}

/** Least and greatest of at least one value, seen as signed or as unsigned. */
export function rangeOf(values: BigInt64Array, unsigned = false): Range {
  const words = wordsOf(values);
  return (unsigned ? undefined : narrowRange(words)) ?? wideRange(words, unsigned);
}

/** The range when all values are within 32 bits, which takes a third of the time. */
function narrowRange(words: Int32Array): Range | undefined {
  let min = 0x7fffffff;
  let max = -0x80000000;
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i]!;
    if (words[i + 1] !== low >> 31) return undefined;
    if (low < min) min = low;
    if (low > max) max = low;
  }
  return { min: BigInt(min), max: BigInt(max) };
}

function wideRange(words: Int32Array, unsigned: boolean): Range {
  const flip = unsigned ? 0x80000000 | 0 : 0;
  let minHigh = 0x7fffffff;
  let minLow = 0xffffffff;
  let maxHigh = -0x80000000;
  let maxLow = 0;
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i]! >>> 0;
    const high = words[i + 1]! ^ flip;
    if (high < minHigh || (high === minHigh && low < minLow)) {
      minHigh = high;
      minLow = low;
    }
    if (high > maxHigh || (high === maxHigh && low > maxLow)) {
      maxHigh = high;
      maxLow = low;
    }
  }
  const join = (high: number, low: number) => {
    const value = (BigInt(high ^ flip) << 32n) + BigInt(low);
    return unsigned ? BigInt.asUintN(64, value) : value;
  };
  return { min: join(minHigh, minLow), max: join(maxHigh, maxLow) };
}

/** The exact sum, seen as signed or as unsigned. */
export function sumOf(values: BigInt64Array, unsigned = false): bigint {
  const words = wordsOf(values);
  let sum = 0n;
  // Sums of 2^20 words of 32 bits stay below 2^53.
  for (let start = 0; start < words.length; start += 2 ** 21) {
    let low = 0;
    let high = 0;
    const end = Math.min(start + 2 ** 21, words.length);
    for (let i = start; i < end; i += 2) {
      low += words[i]! >>> 0;
      high += unsigned ? words[i + 1]! >>> 0 : words[i + 1]!;
    }
    sum += (BigInt(high) << 32n) + BigInt(low);
  }
  return sum;
}

const gcd = (left: number, right: number): number => {
  let a = left;
  let b = right;
  while (b > 0) [a, b] = [b, a % b];
  return a;
};

/**
 * The greatest number that divides all distances between the values; 1 when they have none in common. The distances
 * must be below 2^53.
 */
export function commonDivisor(values: BigInt64Array): number {
  const words = wordsOf(values);
  const low = words[0]! >>> 0;
  const high = words[1]!;
  let divisor = 0;
  for (let i = 2; i < words.length; i += 2) {
    const distance = Math.abs(((words[i + 1]! - high) | 0) * TWO_32 + ((words[i]! >>> 0) - low));
    if (divisor === 0 || distance % divisor !== 0) {
      divisor = gcd(distance, divisor);
      if (divisor === 1) return 1;
    }
  }
  return Math.max(divisor, 1);
}

/** `(value - min) / divisor` of each; the distances must be below 2^53 and multiples of the divisor. */
export function quotients(values: BigInt64Array, min: bigint, divisor: number): BigInt64Array<ArrayBuffer> {
  const words = wordsOf(values);
  const low = Number(BigInt.asUintN(32, min));
  const high = Number(min >> 32n);
  const result = new Float64Array(values.length);
  for (let i = 0; i < result.length; i++) {
    result[i] = (((words[2 * i + 1]! - high) | 0) * TWO_32 + ((words[2 * i]! >>> 0) - low)) / divisor;
  }
  return fromNumbers(result);
}

/** Distances from `min`, all below 2^(8 * width), as unsigned numbers of `width` bytes: 1, 2 or 4. */
export function distancesFrom(
  values: BigInt64Array,
  min: bigint,
  width: number,
): Uint8Array | Uint16Array | Uint32Array {
  const words = wordsOf(values);
  const low = Number(BigInt.asIntN(32, min));
  const type = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Uint32Array;
  const result = new type(values.length);
  for (let i = 0; i < result.length; i++) result[i] = words[2 * i]! - low;
  return result;
}
