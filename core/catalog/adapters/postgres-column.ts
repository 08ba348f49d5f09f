import { type DataType, DateUnit, Precision, TimeUnit, Type } from 'apache-arrow';

/** The Julian day of 1970-01-01. PostgreSQL reads `J2440588` as that date, before Christ and after 9999 alike. */
export const EPOCH_JULIAN_DAY = 2_440_588;
/** Julian days a PostgreSQL date can be: `DATE_END_JULIAN` (exclusive) of its `datatype/timestamp.h`. */
export const DATE_END_JULIAN_DAY = 2_147_483_494;
/** Julian days a PostgreSQL timestamp can fall on: `TIMESTAMP_END_JULIAN` (exclusive) of the same file. */
export const TIMESTAMP_END_JULIAN_DAY = 109_203_528;

/** How a column of an Arrow type is kept in a table of PostgreSQL. */
export interface PostgresColumn {
  /** The SQL type, ready to stand in a CREATE TABLE. */
  readonly sqlType: string;
  /**
   * True when every value that {@link copyTextWriter} does not report as inexact comes back bit for bit. False when the
   * column is there for people and SQL alone, and exact values are read from elsewhere.
   */
  readonly exact: boolean;
}

const exactly = (sqlType: string): PostgresColumn => ({ sqlType, exact: true });

/** Nested values are readable as JSON text; JSON cannot tell a Uint8 from an Int64 or a NaN from a null. */
const asJson: PostgresColumn = { sqlType: 'text', exact: false };

/** PostgreSQL's own units of time end at the microsecond, so nanoseconds stay whole numbers. */
const timestampColumn = (unit: TimeUnit, zone: string | null | undefined): PostgresColumn => {
  if (unit === TimeUnit.NANOSECOND) return exactly('bigint');
  return exactly(zone ? 'timestamptz' : 'timestamp');
};

const integerColumn = (bitWidth: number, isSigned: boolean): PostgresColumn => {
  const bitsNeeded = isSigned ? bitWidth : bitWidth + 1;
  if (bitsNeeded <= 16) return exactly('smallint');
  if (bitsNeeded <= 32) return exactly('integer');
  return exactly(bitsNeeded <= 64 ? 'bigint' : 'numeric(20)');
};

/** The mapping from Arrow to PostgreSQL, one line a type. */
export function postgresColumn(type: DataType): PostgresColumn {
  switch (type.typeId) {
    case Type.Null:
      return exactly('text');
    case Type.Bool:
      return exactly('boolean');
    case Type.Int: {
      const integer = type as DataType & { bitWidth: number; isSigned: boolean };
      return integerColumn(integer.bitWidth, integer.isSigned);
    }
    case Type.Float:
      return exactly((type as DataType & { precision: Precision }).precision === Precision.DOUBLE ? 'float8' : 'real');
    case Type.Decimal: {
      const decimal = type as DataType & { precision: number; scale: number };
      return exactly(`numeric(${decimal.precision},${decimal.scale})`);
    }
    case Type.Utf8:
    case Type.LargeUtf8:
      return exactly('text');
    case Type.Binary:
    case Type.LargeBinary:
    case Type.FixedSizeBinary:
      return exactly('bytea');
    case Type.Date:
      return exactly('date');
    case Type.Time:
      return exactly((type as DataType & { unit: TimeUnit }).unit === TimeUnit.NANOSECOND ? 'bigint' : 'time');
    case Type.Timestamp: {
      const timestamp = type as DataType & { unit: TimeUnit; timezone?: string | null };
      return timestampColumn(timestamp.unit, timestamp.timezone);
    }
    case Type.Duration:
      return exactly('bigint');
    default:
      return asJson;
  }
}

/** True when a column of this type can be read back from PostgreSQL exactly, but for values that were reported. */
export const isExactInPostgres = (type: DataType): boolean => postgresColumn(type).exact;

/** Whole microseconds in one unit of an Arrow time or timestamp; the unit must not be the nanosecond. */
export function microsecondsPerUnit(unit: TimeUnit): number {
  if (unit === TimeUnit.SECOND) return 1_000_000;
  return unit === TimeUnit.MILLISECOND ? 1_000 : 1;
}

/** Days in one unit of an Arrow date are 1 or 1/86,400,000: true for the second. */
export const isDateInMilliseconds = (type: DataType): boolean =>
  (type as DataType & { unit: DateUnit }).unit === DateUnit.MILLISECOND;
