import { fromNumbers, toNumbers } from './int64.ts';
import { bytesOf, viewAs } from './words.ts';

/**
 * How a double came about that was a decimal number of few digits, then a single, then text, and is a double now: it is
 * the single, rounded to `places` decimal places, or to as many significant digits.
 */
export interface Printed {
  readonly form: 'fixed' | 'significant';
  readonly places: number;
}

/** How the integers become values. */
export interface DecimalShape {
  readonly digits: number;
  /** Absent for values that are integer / 10^digits themselves. */
  readonly printed?: Printed | undefined;
}

/** Floats that are decimal numbers: value = integer / 10^digits, except for some that keep their bits. */
export interface Decimals extends DecimalShape {
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

/** A single as it was printed. Halves go up. */
function print(single: number, { form, places }: Printed): number {
  let decimals = places;
  if (form === 'significant')
    for (const size = Math.abs(single); decimals > 0 && size >= POWERS[places - decimals]!;) decimals -= 1;
  const power = POWERS[decimals]!;
  return Math.round(single * power) / power;
}

/** Like `decimalOf` for doubles that are printed singles. */
function printedDecimalOf(value: number, power: number, printed: Printed): number {
  const integer = Math.round(Math.fround(value) * power);
  const exact = Math.abs(integer) <= Number.MAX_SAFE_INTEGER && print(Math.fround(integer / power), printed) === value;
  return exact && !Object.is(value, -0) ? integer : Number.NaN;
}

/** The integer of a value under a shape, or NaN. */
const integerUnder = ({ digits, printed }: DecimalShape, single: boolean): ((value: number) => number) => {
  const power = POWERS[digits]!;
  return printed ? (value) => printedDecimalOf(value, power, printed) : (value) => decimalOf(value, power, single);
};

/** Floats (4 or 8 bytes each) as decimals with as few digits as possible, or undefined when too few are decimals. */
export function findDecimals(bytes: Uint8Array, width: number): Decimals | undefined {
  const floats = viewFloats(bytes, width);
  const single = width === 4;
  const shape = findShape(floats, single);
  if (!shape) return undefined;
  const integerOf = integerUnder(shape, single);
  const integers = new Float64Array(floats.length);
  const indices: number[] = [];
  const exceptionsMax = Math.ceil(floats.length * EXCEPTION_SHARE_MAX);
  let last = 0;
  for (let i = 0; i < floats.length; i++) {
    const integer = integerOf(floats[i]!);
    if (integer === integer) last = integer;
    else if (indices.length === exceptionsMax) return undefined;
    else indices.push(i);
    // An exception repeats its predecessor, which costs least under every predictor.
    integers[i] = last;
  }
  const exceptionBytes = new Uint8Array(indices.length * width);
  indices.forEach((index, i) => exceptionBytes.set(bytes.subarray(index * width, (index + 1) * width), i * width));
  return { ...shape, integers: fromNumbers(integers), exceptionIndices: Uint32Array.from(indices), exceptionBytes };
}

/** Printed singles are looked for from this many digits on, and taken when they need this many fewer. */
const PRINTED_DIGITS_MIN = 4;
const PRINTED_DIGITS_SAVED = 2;
/** A single has 7 significant digits; it is printed with a few more, or with fixed places. */
const SIGNIFICANT_PLACES = [12, 11, 10, 9, 8, 7] as const;
const SINGLE_DIGITS_MAX = 7;

/** The shape with the fewest digits under which nearly all of a sample are decimals. */
function findShape(floats: Float32Array | Float64Array, single: boolean): DecimalShape | undefined {
  const digits = findDigits(
    floats,
    single ? SINGLE_DIGITS_MAX : DECIMAL_DIGITS_MAX,
    (power) => (value) => decimalOf(value, power, single),
  );
  const plain = digits === undefined ? undefined : { digits };
  if (single || (digits !== undefined && digits < PRINTED_DIGITS_MIN)) return plain;
  const most = digits === undefined ? SINGLE_DIGITS_MAX : Math.min(SINGLE_DIGITS_MAX, digits - PRINTED_DIGITS_SAVED);
  const prints: Printed[] = SIGNIFICANT_PLACES.map((places) => ({ form: 'significant', places }));
  if (digits !== undefined) prints.unshift({ form: 'fixed', places: digits });
  for (const printed of prints) {
    const fewer = findDigits(floats, most, (power) => (value) => printedDecimalOf(value, power, printed));
    if (fewer !== undefined) return { digits: fewer, printed };
  }
  return plain;
}

/** The fewest digits under which nearly all of a sample are decimals. */
function findDigits(
  floats: Float32Array | Float64Array,
  digitsMax: number,
  integerWith: (power: number) => (value: number) => number,
): number | undefined {
  const step = Math.max(1, Math.floor(floats.length / SAMPLE_COUNT));
  const sampleCount = Math.ceil(floats.length / step);
  const allowed = Math.max(1, Math.floor(sampleCount * EXCEPTION_SHARE_MAX));
  for (let digits = 0; digits <= digitsMax; digits++) {
    const integerOf = integerWith(POWERS[digits]!);
    let failures = 0;
    for (let i = 0; i < floats.length && failures <= allowed; i += step) {
      if (Number.isNaN(integerOf(floats[i]!))) failures += 1;
    }
    if (failures <= allowed) return digits;
  }
  return undefined;
}

const FORMS = ['fixed', 'significant'] as const;

/** The parameters of mapping `decimal`: digits, then form (1 or 2) and places of printed singles. */
export const shapeParameters = ({ digits, printed }: DecimalShape): number[] =>
  printed ? [digits, FORMS.indexOf(printed.form) + 1, printed.places] : [digits];

/** The reverse of {@link shapeParameters}; undefined for what no writer makes. */
export function shapeOf([digits, form, places, ...more]: readonly number[]): DecimalShape | undefined {
  if (digits === undefined || more.length > 0) return undefined;
  if (form === undefined) return { digits };
  const name = FORMS[form - 1];
  return name && places !== undefined ? { digits, printed: { form: name, places } } : undefined;
}

/** The floats as bytes, `width` bytes each; undefined when an index or a number is out of range. */
export function decimalBytes(decimals: Decimals, width: number): Uint8Array | undefined {
  const { digits, printed, integers, exceptionIndices, exceptionBytes } = decimals;
  const numbers = toNumbers(integers);
  if (!numbers || digits > DECIMAL_DIGITS_MAX || exceptionBytes.length !== exceptionIndices.length * width)
    return undefined;
  const floats = width === 4 ? new Float32Array(numbers.length) : new Float64Array(numbers.length);
  const power = POWERS[digits]!;
  if (printed) {
    if (width !== 8 || printed.places > DECIMAL_DIGITS_MAX) return undefined;
    for (let i = 0; i < numbers.length; i++) floats[i] = print(Math.fround(numbers[i]! / power), printed);
  } else for (let i = 0; i < numbers.length; i++) floats[i] = numbers[i]! / power;
  const bytes = bytesOf(floats);
  for (let i = 0; i < exceptionIndices.length; i++) {
    const index = exceptionIndices[i]!;
    if (index >= floats.length) return undefined;
    bytes.set(exceptionBytes.subarray(i * width, (i + 1) * width), index * width);
  }
  return bytes;
}
