import { fromNumbers, toNumbers } from './int64.ts';
import { bytesOf, viewAs } from './words.ts';

/** Floats that are decimal numbers: value = integer / 10^digits, except for some that keep their bits. */
export interface Decimals {
  readonly digits: number;
  readonly integers: BigInt64Array;
  /** Indices of the values that keep their bits, ascending. */
  readonly exceptionIndices: Uint32Array;
  /** Their bits, `width` bytes each. */
  readonly exceptionBytes: Uint8Array;
}

/** Doubles keep 17 digits; more places would only be found by chance. */
export const DECIMAL_DIGITS_MAX = 15;

/** Above this share of exceptions the decimals are not worth it: the bits themselves compress as well. */
const EXCEPTION_SHARE_MAX = 0.05;

const SAMPLE_COUNT = 1024;
const POWERS = Float64Array.from({ length: DECIMAL_DIGITS_MAX + 1 }, (_, digits) => 10 ** digits);

const viewFloats = (bytes: Uint8Array, width: number) =>
  width === 4 ? viewAs(bytes, Float32Array) : viewAs(bytes, Float64Array);

/** Whole number for a float, or NaN when dividing it again does not give the same float. -0 is not a decimal. */
function decimalOf(value: number, power: number, single: boolean): number {
  const integer = Math.round(value * power);
  const back = single ? Math.fround(integer / power) : integer / power;
  return back === value && Math.abs(integer) <= Number.MAX_SAFE_INTEGER && !Object.is(value, -0) ? integer : Number.NaN;
}

/** Floats (4 or 8 bytes each) as decimals with as few digits as possible, or undefined when too few are decimals. */
export function findDecimals(bytes: Uint8Array, width: number): Decimals | undefined {
  const floats = viewFloats(bytes, width);
  const single = width === 4;
  const digits = findDigits(floats, single);
  if (digits === undefined) return undefined;
  const power = POWERS[digits]!;
  const integers = new Float64Array(floats.length);
  const indices: number[] = [];
  const exceptionsMax = Math.ceil(floats.length * EXCEPTION_SHARE_MAX);
  let last = 0;
  for (let i = 0; i < floats.length; i++) {
    const integer = decimalOf(floats[i]!, power, single);
    if (integer === integer) last = integer;
    else if (indices.length === exceptionsMax) return undefined;
    else indices.push(i);
    // An exception repeats its predecessor, which costs least under every predictor.
    integers[i] = last;
  }
  const exceptionBytes = new Uint8Array(indices.length * width);
  indices.forEach((index, i) => exceptionBytes.set(bytes.subarray(index * width, (index + 1) * width), i * width));
  return { digits, integers: fromNumbers(integers), exceptionIndices: Uint32Array.from(indices), exceptionBytes };
}

/** The fewest digits under which nearly all of a sample are decimals. */
function findDigits(floats: Float32Array | Float64Array, single: boolean): number | undefined {
  const step = Math.max(1, Math.floor(floats.length / SAMPLE_COUNT));
  const sampleCount = Math.ceil(floats.length / step);
  const allowed = Math.max(1, Math.floor(sampleCount * EXCEPTION_SHARE_MAX));
  for (let digits = 0; digits <= (single ? 7 : DECIMAL_DIGITS_MAX); digits++) {
    let failures = 0;
    for (let i = 0; i < floats.length && failures <= allowed; i += step) {
      if (Number.isNaN(decimalOf(floats[i]!, POWERS[digits]!, single))) failures += 1;
    }
    if (failures <= allowed) return digits;
  }
  return undefined;
}

/** The floats as bytes, `width` bytes each; undefined when an index or a number is out of range. */
export function decimalBytes(decimals: Decimals, width: number): Uint8Array | undefined {
  const { digits, integers, exceptionIndices, exceptionBytes } = decimals;
  const numbers = toNumbers(integers);
  if (!numbers || digits > DECIMAL_DIGITS_MAX || exceptionBytes.length !== exceptionIndices.length * width)
    return undefined;
  const floats = width === 4 ? new Float32Array(numbers.length) : new Float64Array(numbers.length);
  const power = POWERS[digits]!;
  for (let i = 0; i < numbers.length; i++) floats[i] = numbers[i]! / power;
  const bytes = bytesOf(floats);
  for (let i = 0; i < exceptionIndices.length; i++) {
    const index = exceptionIndices[i]!;
    if (index >= floats.length) return undefined;
    bytes.set(exceptionBytes.subarray(i * width, (i + 1) * width), index * width);
  }
  return bytes;
}
