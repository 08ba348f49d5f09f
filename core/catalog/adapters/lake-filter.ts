import { DataType, DateUnit, type Field, Precision, type Schema, TimeUnit } from 'apache-arrow';
import type { ScanFilter, StatisticsValue } from '../ports.ts';
import {
  DATE_END_JULIAN_DAY,
  EPOCH_JULIAN_DAY,
  isExactInPostgres,
  microsecondsPerUnit,
  TIMESTAMP_END_JULIAN_DAY,
} from './postgres-column.ts';

const INT64_MAX = 2n ** 63n - 1n;
const MICROSECONDS_PER_DAY = 86_400_000_000n;

/** Values of an `in` list beyond which the filter is left to the engine: the statement would only grow. */
export const LAKE_IN_VALUES_MAX = 1000;

/**
 * The filters PostgreSQL can apply without losing a row that the caller's engine would keep, as SQL conditions on the
 * physical columns `c0`, `c1`, …. A filter that cannot be carried over exactly is widened or left out; the caller applies
 * all of them again. Values become literals of a fixed type, quoted so that no setting of the server matters.
 */
export function lakeConditions(
  filters: readonly ScanFilter[],
  schema: Schema,
  /** Columns in which values are missing, by index: their filters are left out. */
  inexactColumns: ReadonlySet<number>,
): string[] {
  return filters.flatMap((filter) => {
    const index = schema.fields.findIndex((field) => field.name === filter.column);
    const field = schema.fields[index];
    if (!field || inexactColumns.has(index) || !isExactInPostgres(field.type)) return [];
    const condition = conditionOf(filter, field, `c${index}`);
    return condition === undefined ? [] : [condition];
  });
}

function conditionOf(filter: ScanFilter, field: Field, column: string): string | undefined {
  switch (filter.op) {
    case 'is null':
      return `${column} IS NULL`;
    case 'is not null':
      return `${column} IS NOT NULL`;
    case 'in': {
      if (filter.values.length === 0 || filter.values.length > LAKE_IN_VALUES_MAX) return undefined;
      const literals = filter.values.map((value) => literalOf(value, field.type as DataType));
      return literals.includes(undefined) ? undefined : `${column} IN (${literals.join(', ')})`;
    }
    default: {
      const literal = literalOf(filter.value, field.type as DataType);
      if (literal === undefined) return undefined;
      return `${column} ${widened(filter.op, field.type as DataType)} ${literal}`;
    }
  }
}

/**
 * An engine may compare a 32-bit float as it is or widened to 64 bits, where 0.1 and the float nearest to it differ.
 * Rounding keeps the order, so with the bound itself included no row is lost either way.
 */
function widened(op: '=' | '<' | '<=' | '>' | '>=', type: DataType): string {
  if (!DataType.isFloat(type) || type.precision === Precision.DOUBLE) return op;
  return op === '<' ? '<=' : op === '>' ? '>=' : op;
}

/** The value as a literal of the column's type, or undefined when it cannot be one exactly. */
function literalOf(value: StatisticsValue, type: DataType): string | undefined {
  if (value === null) return undefined;
  if (typeof value === 'boolean') return DataType.isBool(type) ? String(value) : undefined;
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) {
    return typeof value === 'string' ? textLiteral(value) : undefined;
  }
  if (DataType.isFloat(type)) return floatLiteral(value, type.precision);
  const decimal = decimalText(value);
  if (decimal === undefined) return undefined;
  if (DataType.isInt(type) || DataType.isDuration(type)) return integerLiteral(decimal);
  if (DataType.isDecimal(type)) return `'${decimal}'::numeric`;
  if (!/^-?\d+$/.test(decimal)) return undefined;
  return timeLiteral(BigInt(decimal), type);
}

/** Only numbers that stand for themselves: a double over 2^53 may be a rounded integer. */
function decimalText(value: StatisticsValue): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  return typeof value === 'string' && /^-?\d{1,80}(\.\d{1,80})?$/.test(value) ? value : undefined;
}

const integerLiteral = (decimal: string): string => {
  const fits = /^-?\d{1,19}$/.test(decimal) && magnitude(BigInt(decimal)) <= INT64_MAX;
  return `'${decimal}'::${fits ? 'bigint' : 'numeric'}`;
};

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

function floatLiteral(value: StatisticsValue, precision: Precision): string | undefined {
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return undefined;
  if (precision === Precision.DOUBLE) return `'${number}'::float8`;
  const single = Math.fround(number);
  return Number.isFinite(single) ? `'${single}'::real` : undefined;
}

/** Compared in byte order, as Arrow and DuckDB do, whatever the collation of the database. */
function textLiteral(value: string): string | undefined {
  if (value.includes('\0') || !value.isWellFormed()) return undefined;
  return `E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}' COLLATE "C"`;
}

/** `value` counts the type's own unit from the epoch. Times of day are left to the engine. */
function timeLiteral(value: bigint, type: DataType): string | undefined {
  if (DataType.isDate(type) && type.unit === DateUnit.DAY) {
    const day = dateText(value, DATE_END_JULIAN_DAY);
    return day && `'${day}'::date`;
  }
  if (!DataType.isTimestamp(type)) return undefined;
  if (type.unit === TimeUnit.NANOSECOND) return integerLiteral(String(value));
  const perDay = MICROSECONDS_PER_DAY / BigInt(microsecondsPerUnit(type.unit));
  const rest = ((value % perDay) + perDay) % perDay;
  const day = dateText((value - rest) / perDay, TIMESTAMP_END_JULIAN_DAY);
  if (day === undefined) return undefined;
  const time = timeText(Number(rest) * microsecondsPerUnit(type.unit));
  return type.timezone ? `'${day} ${time}+00'::timestamptz` : `'${day} ${time}'::timestamp`;
}

function dateText(daysFromEpoch: bigint, endJulianDay: number): string | undefined {
  const julianDay = daysFromEpoch + BigInt(EPOCH_JULIAN_DAY);
  return julianDay >= 0n && julianDay < BigInt(endJulianDay) ? `J${julianDay}` : undefined;
}

function timeText(microseconds: number): string {
  const seconds = Math.floor(microseconds / 1_000_000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const fraction = String(microseconds % 1_000_000).padStart(6, '0');
  return `${parts.map((part) => String(part).padStart(2, '0')).join(':')}.${fraction}`;
}
