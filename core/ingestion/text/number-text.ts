/** What the text of a number holds, filled by {@link scanNumber}. */
export interface NumberShape {
  negative: boolean;
  /** A digit follows a leading zero (`007`). */
  leadingZero: boolean;
  /** Digits before the point, leading zeros not counted. */
  integerDigits: number;
  /** Digits behind the point. */
  scale: number;
  /** Digits from the first that is not zero to the last, on both sides of the point. */
  significantDigits: number;
  exponent: boolean;
  /** All digits read as one integer; exact while `significantDigits` ≤ 15. */
  mantissa: number;
}

export const newNumberShape = (): NumberShape => ({
  negative: false,
  leadingZero: false,
  integerDigits: 0,
  scale: 0,
  significantDigits: 0,
  exponent: false,
  mantissa: 0,
});

/** Digits that every float64 keeps (DBL_DIG). */
const FLOAT_DIGITS = 15;
/** Powers of ten that float64 holds exactly; a quotient of two exact numbers is rounded once (Clinger 1990). */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, power) => 10 ** power);

/**
 * Reads `-?digits`, `-?digits?.digits`, either followed by `e`, a sign and digits. Anything else, such as a plus sign,
 * spaces, `5.`, `NaN` or thousands separators, is not a number: returns false.
 */
export function scanNumber(bytes: Uint8Array, start: number, end: number, into: NumberShape): boolean {
  let at = start;
  into.negative = bytes[at] === 0x2d;
  if (into.negative) at++;
  let mantissa = 0;
  let significant = 0;
  let integerDigits = 0;
  const digitsFrom = at;
  let digit = 0;
  for (; at < end && (digit = bytes[at]! - 0x30) >= 0 && digit <= 9; at++) {
    mantissa = mantissa * 10 + digit;
    if (significant > 0 || digit > 0) significant++;
  }
  const written = at - digitsFrom;
  integerDigits = significant;
  into.leadingZero = written > 1 && bytes[digitsFrom] === 0x30;
  let scale = 0;
  if (at < end && bytes[at] === 0x2e) {
    const pointAt = at++;
    for (; at < end && (digit = bytes[at]! - 0x30) >= 0 && digit <= 9; at++) {
      mantissa = mantissa * 10 + digit;
      if (significant > 0 || digit > 0) significant++;
    }
    scale = at - pointAt - 1;
    if (scale === 0) return false;
  } else if (written === 0) return false;
  into.exponent = false;
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    into.exponent = true;
    at++;
    if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++;
    const exponentFrom = at;
    while (at < end && (digit = bytes[at]! - 0x30) >= 0 && digit <= 9) at++;
    if (at === exponentFrom) return false;
  }
  into.integerDigits = integerDigits;
  into.scale = scale;
  into.significantDigits = significant;
  into.mantissa = mantissa;
  return at === end;
}

/** The bytes as text; for ASCII such as the text of a number or a date. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

const isPlain = (shape: NumberShape) =>
  !shape.exponent && shape.significantDigits <= FLOAT_DIGITS && shape.scale < POWERS_OF_TEN.length;

/** The nearest float64 of a number that {@link scanNumber} has read. */
export function toFloat(bytes: Uint8Array, start: number, end: number, shape: NumberShape): number {
  if (!isPlain(shape)) return Number(asciiText(bytes, start, end));
  const value = shape.scale === 0 ? shape.mantissa : shape.mantissa / POWERS_OF_TEN[shape.scale]!;
  return shape.negative ? -value : value;
}

/**
 * True when float64 gives every significant digit of the text back: up to 15 digits always do within its range, others
 * when the shortest text of the float is the same number.
 */
export function isExactAsFloat(bytes: Uint8Array, start: number, end: number, shape: NumberShape): boolean {
  if (isPlain(shape)) return true;
  const text = asciiText(bytes, start, end);
  const value = Number(text);
  return Number.isFinite(value) && canonicalNumber(text) === canonicalNumber(String(value));
}

/** A decimal number without its sign as `digits` times a power of ten, the digits free of zeros at both ends. */
export function canonicalNumber(text: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
