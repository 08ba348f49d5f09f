import { type DataType, DataType as Type, TimeUnit } from 'apache-arrow';

/** Characters shown of one value. */
export const VALUE_CHARACTERS_MAX = 120;

const UNIT_DIGITS: Readonly<Record<number, number>> = {
  [TimeUnit.SECOND]: 0,
  [TimeUnit.MILLISECOND]: 3,
  [TimeUnit.MICROSECOND]: 6,
  [TimeUnit.NANOSECOND]: 9,
};
const UNIT_NAMES = ['s', 'ms', 'µs', 'ns'];
const DAY_SECONDS = 86_400n;

/** What a stored integer means in a type of dates and times; the number itself in any other. */
export function integerText(type: DataType, value: bigint): string {
  if (Type.isDate(type)) return type.unit === 0 ? dayText(value) : dayText(floorDivide(value, DAY_SECONDS * 1000n));
  if (Type.isTimestamp(type)) {
    const digits = UNIT_DIGITS[type.unit]!;
    const dayUnits = DAY_SECONDS * 10n ** BigInt(digits);
    const days = floorDivide(value, dayUnits);
    return `${dayText(days)} ${clockText(value - days * dayUnits, digits)}${type.timezone ? ' UTC' : ''}`;
  }
  if (Type.isTime(type)) return clockText(value, UNIT_DIGITS[type.unit]!);
  if (Type.isDuration(type)) return `${value} ${UNIT_NAMES[type.unit]}`;
  if (Type.isDecimal(type)) return decimalText(value, type.scale);
  return String(value);
}

/** A bound or sum of the statistics, which hold integers as numbers or decimal text. */
export function boundText(type: DataType, value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return '';
  const isInteger = typeof value === 'number' ? Number.isSafeInteger(value) : /^-?\d+$/.test(String(value));
  const isMoment = Type.isDate(type) || Type.isTimestamp(type) || Type.isTime(type) || Type.isDuration(type);
  return isMoment && isInteger ? integerText(type, BigInt(value)) : shorten(String(value));
}

export const shorten = (text: string): string =>
  text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}…` : text;

const floorDivide = (value: bigint, by: bigint): bigint => (value - (((value % by) + by) % by)) / by;

/** Days outside of what JavaScript's dates reach are shown as a number. */
function dayText(days: bigint): string {
  const date = new Date(Number(days * DAY_SECONDS) * 1000);
  return Number.isNaN(date.getTime()) ? `day ${days}` : date.toISOString().slice(0, -14);
}

function clockText(value: bigint, digits: number): string {
  const unit = 10n ** BigInt(digits);
  const seconds = value / unit;
  const two = (part: bigint) => String(part).padStart(2, '0');
  const clock = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map(two).join(':');
  return digits === 0 ? clock : `${clock}.${String(value % unit).padStart(digits, '0')}`;
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return `${unscaled}${'0'.repeat(-scale)}`;
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
