import { DataType } from 'apache-arrow';

const LABEL_LETTERS_MAX = 24;
const MILLISECONDS_PER_DAY = 86_400_000;
/** Milliseconds of seconds, milliseconds, microseconds and nanoseconds. */
const MILLISECONDS = [1000, 1, 1e-3, 1e-6];

/** A value for the legend. A cell's number can be a mean, so it is rounded where its type would not be. */
export function cellLabel(type: DataType, value: number | string): string {
  if (typeof value === 'string')
    return value.length > LABEL_LETTERS_MAX ? `${value.slice(0, LABEL_LETTERS_MAX - 3)}...` : value;
  if (DataType.isTimestamp(type)) return timeLabel(value * MILLISECONDS[type.unit]!);
  if (DataType.isDate(type)) return timeLabel(type.unit === 0 ? value * MILLISECONDS_PER_DAY : value).slice(0, 10);
  if (DataType.isBool(type) && (value === 0 || value === 1)) return value === 1 ? 'true' : 'false';
  return String(Number(value.toPrecision(9)));
}

function timeLabel(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString();
}
