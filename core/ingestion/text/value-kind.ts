import { newCalendarShape, scanDate, scanTimestamp, type CalendarShape } from './calendar-text.ts';
import { asciiText, isExactAsFloat, newNumberShape, scanNumber, type NumberShape } from './number-text.ts';

/** What the text of one value can be read as without losing anything; bits, so that a column can collect them. */
export const KIND = {
  BOOLEAN: 1,
  /** An integer within ±2^53, which float64 holds exactly. */
  INTEGER: 2,
  /** An integer of 64 bits beyond ±2^53. */
  LONG: 4,
  /** An integer beyond 64 bits, of at most 38 digits. */
  HUGE: 8,
  /** A decimal number that float64 gives back in every digit. */
  FLOAT: 16,
  /** The same with an exponent, or a negative zero: no decimal column can carry it. */
  FLOAT_ONLY: 32,
  /** A decimal number with more digits than float64 carries. */
  DECIMAL: 64,
  DATE: 128,
  TIMESTAMP: 256,
  /** A time stamp with an offset from UTC. */
  TIMESTAMP_UTC: 512,
  /** A number with leading zeros, such as a postal code. */
  LEADING_ZERO: 1024,
  TEXT: 2048,
  /** An object or an array. */
  NESTED: 4096,
  /** Beside another kind: an integer that float64 does not hold exactly. */
  INEXACT: 8192,
} as const;
/** One kind, or an integer's kind with `INEXACT`. */
export type Kind = number;

/** Digits of the widest decimal that Arrow and SQL engines share (decimal128). */
export const DECIMAL_DIGITS_MAX = 38;

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** Room for what a value holds besides its kind; reused from value to value. */
export interface KindShapes {
  readonly number: NumberShape;
  readonly calendar: CalendarShape;
}
export const newKindShapes = (): KindShapes => ({ number: newNumberShape(), calendar: newCalendarShape() });

/** True for exactly `true` and `false`. */
export function isBooleanText(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start === 4) {
    return bytes[start] === 0x74 && bytes[start + 1] === 0x72 && bytes[start + 2] === 0x75 && bytes[start + 3] === 0x65;
  }
  return (
    end - start === 5 &&
    bytes[start] === 0x66 &&
    bytes[start + 1] === 0x61 &&
    bytes[start + 2] === 0x6c &&
    bytes[start + 3] === 0x73 &&
    bytes[start + 4] === 0x65
  );
}

/** The narrowest kind of a text that is not empty. Fills `shapes.number` or `shapes.calendar` for those kinds. */
export function kindOfText(bytes: Uint8Array, start: number, end: number, shapes: KindShapes): Kind {
  const first = bytes[start]!;
  // `-`, `.` and digits start numbers, dates and time stamps; of the rest only `true` and `false` are not text.
  if (first > 0x39 || first < 0x2d || first === 0x2f) {
    return isBooleanText(bytes, start, end) ? KIND.BOOLEAN : KIND.TEXT;
  }
  if (scanNumber(bytes, start, end, shapes.number)) return kindOfNumber(bytes, start, end, shapes.number);
  return kindOfCalendar(bytes, start, end, shapes.calendar);
}

/** `DATE`, `TIMESTAMP`, `TIMESTAMP_UTC` or `TEXT`. */
export function kindOfCalendar(bytes: Uint8Array, start: number, end: number, shape: CalendarShape): Kind {
  if (scanDate(bytes, start, end, shape)) return KIND.DATE;
  if (scanTimestamp(bytes, start, end, shape)) return shape.zoned ? KIND.TIMESTAMP_UTC : KIND.TIMESTAMP;
  return KIND.TEXT;
}

function kindOfNumber(bytes: Uint8Array, start: number, end: number, shape: NumberShape): Kind {
  if (shape.leadingZero) return KIND.LEADING_ZERO;
  if (shape.scale === 0 && !shape.exponent) {
    if (shape.significantDigits === 0) return shape.negative ? KIND.FLOAT_ONLY : KIND.INTEGER;
    if (shape.significantDigits <= 15) return KIND.INTEGER;
    if (shape.significantDigits > DECIMAL_DIGITS_MAX) return KIND.TEXT;
    const value = BigInt(asciiText(bytes, start, end));
    if (Number.isSafeInteger(Number(value))) return KIND.INTEGER;
    const exactness = isExactAsFloat(bytes, start, end, shape) ? 0 : KIND.INEXACT;
    return (value >= INT64_MIN && value <= INT64_MAX ? KIND.LONG : KIND.HUGE) | exactness;
  }
  if (isExactAsFloat(bytes, start, end, shape)) {
    const isNegativeZero = shape.negative && shape.significantDigits === 0;
    return shape.exponent || isNegativeZero ? KIND.FLOAT_ONLY : KIND.FLOAT;
  }
  return shape.exponent || shape.integerDigits + shape.scale > DECIMAL_DIGITS_MAX ? KIND.TEXT : KIND.DECIMAL;
}
