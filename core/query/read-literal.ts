import { DataType, TimeUnit } from 'apache-arrow';
import type { StatisticsValue } from '#core/catalog/index.ts';
import type { EngineLiteral } from './read-engine-plan.ts';

const PLAIN_NUMBER = /^-?\d+(?:\.\d+)?$/;
const DATE = /^(\d{4,6})-(\d\d)-(\d\d)$/;
const TIMESTAMP = /^(\d{4,6}-\d\d-\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(\+00)?$/;
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$/;

const DAY_MILLISECONDS = 86_400_000;
const UNIT_NANOSECONDS: Record<TimeUnit, bigint> = {
  [TimeUnit.SECOND]: 1_000_000_000n,
  [TimeUnit.MILLISECOND]: 1_000_000n,
  [TimeUnit.MICROSECOND]: 1000n,
  [TimeUnit.NANOSECOND]: 1n,
};

type Side = 'lower' | 'upper' | 'exact';

/**
 * A literal of the engine's plan in the terms of the statistics of a column: integers in the unit of the column, decimal
 * text, text. `side` says which way a value between two units is rounded; `exact` gives undefined for it. Undefined
 * wherever the meaning is not certain.
 */
export function readLiteral(type: DataType, literal: EngineLiteral, side: Side): StatisticsValue | undefined {
  const { text, quoted } = literal;
  if (DataType.isDictionary(type)) return readLiteral(type.dictionary as DataType, literal, side);
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return quoted && literal.type === '' ? text : undefined;
  if (DataType.isDate(type)) {
    const days = quoted && literal.type === 'DATE' ? readDays(text) : undefined;
    return days === undefined ? undefined : type.unit === 0 ? days : days * DAY_MILLISECONDS;
  }
  if (DataType.isTimestamp(type)) {
    const nanoseconds = quoted && literal.type.startsWith('TIMESTAMP') ? readTimestamp(text) : undefined;
    return nanoseconds === undefined ? undefined : inUnits(nanoseconds, UNIT_NANOSECONDS[type.unit], side);
  }
  if (DataType.isTime(type)) {
    const nanoseconds = quoted && literal.type.startsWith('TIME') ? readTime(text) : undefined;
    return nanoseconds === undefined ? undefined : inUnits(nanoseconds, UNIT_NANOSECONDS[type.unit], side);
  }
  if (quoted || literal.type !== '') return undefined;
  if (DataType.isBool(type)) return text === 'true' ? true : text === 'false' ? false : undefined;
  if (DataType.isDecimal(type)) return PLAIN_NUMBER.test(text) ? text : undefined;
  if (DataType.isInt(type)) return /^-?\d+$/.test(text) ? integer(BigInt(text)) : undefined;
  if (DataType.isFloat(type)) {
    const value = Number(text);
    // The engine prints a 32-bit float in as few digits as tell it from its neighbours.
    return Number.isFinite(value) ? (type.precision === 2 ? value : Math.fround(value)) : undefined;
  }
  return undefined;
}

const integer = (value: bigint): StatisticsValue =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : `${value}`;

function inUnits(nanoseconds: bigint, unit: bigint, side: Side): StatisticsValue | undefined {
  const remainder = ((nanoseconds % unit) + unit) % unit;
  if (remainder === 0n) return integer(nanoseconds / unit);
  if (side === 'exact') return undefined;
  const floor = (nanoseconds - remainder) / unit;
  return integer(side === 'lower' ? floor : floor + 1n);
}

function readDays(text: string): number | undefined {
  const match = DATE.exec(text);
  if (!match) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() / DAY_MILLISECONDS;
}

const fraction = (digits: string | undefined): bigint => BigInt((digits ?? '').padEnd(9, '0'));

const clock = (hours: string, minutes: string, seconds: string, digits: string | undefined): bigint =>
  (BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds)) * 1_000_000_000n + fraction(digits);

function readTimestamp(text: string): bigint | undefined {
  const match = TIMESTAMP.exec(text);
  const days = match ? readDays(match[1]!) : undefined;
  if (!match || days === undefined) return undefined;
  return BigInt(days) * 86_400_000_000_000n + clock(match[2]!, match[3]!, match[4]!, match[5]);
}

function readTime(text: string): bigint | undefined {
  const match = TIME.exec(text);
  return match ? clock(match[1]!, match[2]!, match[3]!, match[4]) : undefined;
}
