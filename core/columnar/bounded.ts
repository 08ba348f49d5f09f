import { DataType } from 'apache-arrow';
import { makeSection, type Section } from './chunk-format.ts';
import type { ErrorBound } from './error-bound.ts';
import { fromNumbers, toNumbers } from './int64.ts';
import { integersOf, integerBytes, isUnsigned } from './integer-values.ts';
import { bitsInOrder, orderedBits } from './ordered-bits.ts';
import { bytesOf, viewAs } from './words.ts';

/** Evenly spaced values, in doubles: number n of the grid is `min(start + n * step, top)`, rounded to the type. */
export interface Grid {
  readonly start: number;
  readonly step: number;
  readonly top: number;
}

/** Values near those that were given, and the integers they are stored by. */
export interface BoundedValues {
  /** Of an absolute bound. */
  readonly grid: Grid | undefined;
  /** Of a relative one: the integers are ordered bits of this width, multiples of the divisor once it is multiplied in. */
  readonly bits: { readonly width: number; readonly divisor: number } | undefined;
  readonly integers: BigInt64Array;
  /** Indices of the values that keep their bits, ascending: not finite, or too large for the grid. */
  readonly exceptionIndices: Uint32Array;
  readonly exceptionBytes: Uint8Array;
  /** The values as they come back. */
  readonly bytes: Uint8Array;
}

/** More exceptions than this part of the values, and the column is stored exactly. */
const EXCEPTION_SHARE_MAX = 0.1;

/** Values of a type as doubles; undefined where one is not exact in a double. */
export function numbersOf(type: DataType, bytes: Uint8Array, width: number): Float64Array | Float32Array | undefined {
  if (DataType.isFloat(type)) return width === 8 ? viewAs(bytes, Float64Array) : viewAs(bytes, Float32Array);
  const integers = integersOf(bytes, width, isUnsigned(type));
  return integers && toNumbers(integers);
}

/** Values on a grid as bytes of the type. */
export function gridBytes(type: DataType, width: number, { start, step, top }: Grid, integers: BigInt64Array) {
  const numbers = toNumbers(integers);
  if (!numbers) return undefined;
  for (let i = 0; i < numbers.length; i++) numbers[i] = Math.min(start + numbers[i]! * step, top);
  if (DataType.isFloat(type)) return width === 8 ? bytesOf(numbers) : bytesOf(Float32Array.from(numbers));
  for (let i = 0; i < numbers.length; i++) {
    numbers[i] = Math.round(numbers[i]!);
    if (!Number.isSafeInteger(numbers[i])) return undefined;
  }
  return integerBytes(fromNumbers(numbers), width);
}

/** Section `grid`: three doubles. */
export const gridSection = ({ start, step, top }: Grid): Section =>
  makeSection('grid', bytesOf(Float64Array.of(start, step, top)));

/** The reverse of {@link gridSection}. */
export function readGridSection(bytes: Uint8Array): Grid | undefined {
  const [start, step, top] = bytes.length === 24 ? viewAs(bytes, Float64Array) : [];
  return start === undefined || step === undefined || top === undefined ? undefined : { start, step, top };
}

/** Whether a value may stand for another. What is not finite stands for nothing but itself. */
export function isWithin(bound: ErrorBound, value: number, stored: number): boolean {
  if (Object.is(value, stored)) return true;
  const distance = Math.abs(stored - value);
  return distance <= (bound.kind === 'absolute' ? bound.value : bound.value * Math.abs(value));
}

/** Puts the exceptions over the values at their indices; undefined when an index is out of range. */
export function withExceptions(
  bytes: Uint8Array,
  width: number,
  exceptionIndices: Uint32Array,
  exceptionBytes: Uint8Array,
): Uint8Array | undefined {
  if (exceptionBytes.length !== exceptionIndices.length * width) return undefined;
  if (exceptionIndices.length === 0) return bytes;
  const result = new Uint8Array(bytes);
  for (let i = 0; i < exceptionIndices.length; i++) {
    const index = exceptionIndices[i]!;
    if (index * width >= result.length) return undefined;
    result.set(exceptionBytes.subarray(i * width, (i + 1) * width), index * width);
  }
  return result;
}

/**
 * Values within a bound of the given ones that take fewer bits: each on the nearest number of a grid, and, as another
 * answer, held on the number before while the bound allows, which suits what changes slowly. The least and the greatest
 * value, NaN and infinities come back exactly. None where that is not possible or not worth it.
 */
export function boundValues(type: DataType, bytes: Uint8Array, width: number, bound: ErrorBound): BoundedValues[] {
  const values = numbersOf(type, bytes, width);
  if (!values) return [];
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (!(least < most)) return [];
  const range = { least, most };
  const answers =
    bound.kind === 'relative'
      ? [inBits(bytes, width, bound.value)]
      : [false, true].map((hold) => onGrid(type, values, width, bound.value, range, hold));
  return answers.flatMap((rounded) => (rounded && withBound(type, bytes, width, bound, range, rounded)) ?? []);
}

interface Range {
  readonly least: number;
  readonly most: number;
}

/** Rounded values with exceptions where one is not within the bound, or must be exact and is not. */
function withBound(
  type: DataType,
  bytes: Uint8Array,
  width: number,
  bound: ErrorBound,
  { least, most }: Range,
  rounded: Rounded,
): BoundedValues | undefined {
  const values = numbersOf(type, bytes, width);
  const near = numbersOf(type, rounded.bytes, width);
  if (!values || !near) return undefined;
  const exceptions: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const exact = value === least || value === most || !Number.isFinite(value);
    const good = exact
      ? Object.is(value, near[i])
      : isWithin(bound, value, near[i]!) && near[i]! >= least && near[i]! <= most;
    if (!good) exceptions.push(i);
  }
  if (exceptions.length > values.length * EXCEPTION_SHARE_MAX + 2) return undefined;
  const exceptionIndices = Uint32Array.from(exceptions);
  const exceptionBytes = new Uint8Array(exceptions.length * width);
  exceptions.forEach((index, i) => exceptionBytes.set(bytes.subarray(index * width, (index + 1) * width), i * width));
  // An exception repeats the integer before it, which costs least.
  const { integers } = rounded;
  for (const index of exceptions) if (index > 0) integers[index] = integers[index - 1]!;
  const all = withExceptions(rounded.bytes, width, exceptionIndices, exceptionBytes)!;
  return { ...rounded, exceptionIndices, exceptionBytes, bytes: all };
}

type Rounded = Pick<BoundedValues, 'grid' | 'bits' | 'integers' | 'bytes'>;

/** The grid that begins at the least value, and whose steps are as wide as the bound allows. */
function onGrid(
  type: DataType,
  values: Float64Array | Float32Array,
  width: number,
  maxError: number,
  { least, most }: Range,
  hold: boolean,
): Rounded | undefined {
  // Integers between whole steps are rounded once more: their grid has whole steps. To hold one needs more than one choice.
  const whole = hold ? Math.max(1, Math.floor(maxError)) : 2 * Math.floor(maxError) + 1;
  const step = DataType.isFloat(type) ? (hold ? 1 : 2) * maxError * STEP_SHARE : whole;
  if (!Number.isFinite(step) || (most - least) / step > Number.MAX_SAFE_INTEGER) return undefined;
  const grid = { start: least, step, top: most };
  const steps = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // The greatest value lies on the first number that reaches it.
    const nearest = value === most ? Math.ceil((most - least) / step) : Math.round((value - least) / step);
    const before = steps[i - 1] ?? 0;
    const held = hold && value > least && value < most && Math.abs(least + before * step - value) <= maxError;
    steps[i] = held ? before : Number.isFinite(nearest) ? nearest : before;
  }
  const integers = fromNumbers(steps);
  const bytes = gridBytes(type, width, grid, integers);
  return bytes && { grid, bits: undefined, integers, bytes };
}

/** A little less than the bound allows: the sums are rounded. */
const STEP_SHARE = 1 - 2 ** -20;

/** Multiples in the order of bits: the steps of a float's bits are a constant part of its size, within a factor of two. */
function inBits(bytes: Uint8Array, width: number, maxError: number): Rounded | undefined {
  const { width: from, integers } = orderedBits(bytes, width);
  const divisor = Math.floor(maxError * 2 ** (from === 4 ? 24 : 53) * STEP_SHARE);
  if (divisor < 2) return undefined;
  const step = BigInt(divisor);
  const half = step / 2n;
  const numbers = integers.map((value) => (value >= 0n ? (value + half) / step : -((half - value) / step)));
  const rounded = bitsInOrder({ width: from, integers: numbers.map((number) => number * step) }, width);
  return rounded && { grid: undefined, bits: { width: from, divisor }, integers: numbers, bytes: rounded };
}
