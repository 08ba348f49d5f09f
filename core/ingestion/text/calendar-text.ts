/** A date or a time as its text gives it, filled by {@link scanDate} and {@link scanTimestamp}. */
export interface CalendarShape {
  year: number;
  /** Days since 1970-01-01 in the proleptic Gregorian calendar, of the date as written. */
  days: number;
  /** Seconds since the epoch (UTC when `zoned`, otherwise of the local clock), or since midnight for a time. */
  seconds: number;
  /** The fraction of the second in nanoseconds. */
  nanoseconds: number;
  /** Digits of the fraction as written, 0 to 9. */
  fractionDigits: number;
  /** The text names an offset from UTC. */
  zoned: boolean;
}

export const newCalendarShape = (): CalendarShape => ({
  year: 0,
  days: 0,
  seconds: 0,
  nanoseconds: 0,
  fractionDigits: 0,
  zoned: false,
});

const DAY_SECONDS = 86_400;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Two decimal digits at `at`, or NaN. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30;
  const ones = bytes[at + 1]! - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
}

/** Days since 1970-01-01; Howard Hinnant's days_from_civil (2013), for years ≥ 0. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

/** Reads `YYYY-MM-DD`, a day that exists, from exactly these ten bytes. */
export function scanDate(bytes: Uint8Array, start: number, end: number, into: CalendarShape): boolean {
  if (end - start !== 10 || bytes[start + 4] !== 0x2d || bytes[start + 7] !== 0x2d) return false;
  const year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2);
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1)) return false;
  const isLeapDay = month === 2 && day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (day > MONTH_DAYS[month - 1]! && !isLeapDay) return false;
  into.year = year;
  into.days = daysFromCivil(year, month, day);
  return true;
}

/** Reads `HH:MM[:SS[.fraction]]` from `start`; returns the index behind it, or -1. No leap seconds, no 24:00. */
function scanClock(bytes: Uint8Array, start: number, end: number, into: CalendarShape): number {
  if (end - start < 5 || bytes[start + 2] !== 0x3a) return -1;
  const hours = twoDigits(bytes, start);
  const minutes = twoDigits(bytes, start + 3);
  if (!(hours <= 23 && minutes <= 59)) return -1;
  into.seconds = hours * 3600 + minutes * 60;
  into.nanoseconds = 0;
  into.fractionDigits = 0;
  let at = start + 5;
  if (at >= end || bytes[at] !== 0x3a) return at;
  const seconds = at + 2 < end ? twoDigits(bytes, at + 1) : NaN;
  if (!(seconds <= 59)) return -1;
  into.seconds += seconds;
  at += 3;
  if (at >= end || bytes[at] !== 0x2e) return at;
  const fractionFrom = ++at;
  let fraction = 0;
  let digit = 0;
  for (; at < end && (digit = bytes[at]! - 0x30) >= 0 && digit <= 9; at++) fraction = fraction * 10 + digit;
  const digits = at - fractionFrom;
  if (digits === 0 || digits > 9) return -1;
  into.fractionDigits = digits;
  into.nanoseconds = fraction * 10 ** (9 - digits);
  return at;
}

/** Reads `HH:MM[:SS[.fraction]]`. */
export function scanTime(bytes: Uint8Array, start: number, end: number, into: CalendarShape): boolean {
  return scanClock(bytes, start, end, into) === end;
}

/**
 * Reads an ISO 8601 time stamp: a date, `T` or one space, a clock time with up to nine digits of fraction, and
 * optionally `Z`, `±HH:MM`, `±HHMM` or `±HH`.
 */
export function scanTimestamp(bytes: Uint8Array, start: number, end: number, into: CalendarShape): boolean {
  const separator = bytes[start + 10];
  if (end - start < 16 || (separator !== 0x54 && separator !== 0x20)) return false;
  if (!scanDate(bytes, start, start + 10, into)) return false;
  const at = scanClock(bytes, start + 11, end, into);
  if (at < 0) return false;
  into.seconds += into.days * DAY_SECONDS;
  into.zoned = at < end;
  if (!into.zoned) return true;
  if (bytes[at] === 0x5a) return at + 1 === end;
  const sign = bytes[at] === 0x2b ? 1 : bytes[at] === 0x2d ? -1 : 0;
  const rest = end - at - 1;
  const hours = rest >= 2 ? twoDigits(bytes, at + 1) : NaN;
  let minutes = 0;
  if (rest === 5) minutes = bytes[at + 3] === 0x3a ? twoDigits(bytes, at + 4) : NaN;
  else if (rest === 4) minutes = twoDigits(bytes, at + 3);
  else if (rest !== 2) return false;
  if (sign === 0 || !(hours <= 23 && minutes <= 59)) return false;
  into.seconds -= sign * (hours * 3600 + minutes * 60);
  return true;
}
