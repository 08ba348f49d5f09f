import { DataType, TimeUnit } from 'apache-arrow';
import duckdb from '@duckdb/node-bindings';

/** How DuckDB is to see a column: its SQL type and how the bytes of its vectors are laid out. */
export interface EngineType {
  /** The type in SQL, as DESCRIBE prints it. */
  readonly sql: string;
  readonly layout: VectorLayout;
}

/**
 * - `fixed`: values of `width` bytes one after another.
 * - `text`, `blob`: 16 bytes a value, which hold up to 12 bytes themselves and else point to them.
 */
export type VectorLayout = { readonly kind: 'fixed'; readonly width: number } | { readonly kind: 'text' | 'blob' };

const fixed = (sql: string, width: number): EngineType => ({ sql, layout: { kind: 'fixed', width } });
const TEXT: EngineType = { sql: 'VARCHAR', layout: { kind: 'text' } };
const BLOB: EngineType = { sql: 'BLOB', layout: { kind: 'blob' } };

/** DuckDB's decimals end here. */
const DECIMAL_DIGITS_MAX = 38;

/** Bytes of a decimal of so many digits. */
const decimalWidth = (digits: number): number => (digits <= 4 ? 2 : digits <= 9 ? 4 : digits <= 18 ? 8 : 16);

/**
 * The type under which a column of an asset appears in SQL. What DuckDB has no type for appears as text: decimals of
 * more than 38 digits, and lists, structs and maps as JSON. A zoned timestamp in nanoseconds appears as TIMESTAMP_NS in
 * UTC, because TIMESTAMP WITH TIME ZONE would cut it to microseconds.
 */
export function engineTypeOf(type: DataType): EngineType {
  if (DataType.isDictionary(type)) return engineTypeOf(type.dictionary as DataType);
  if (DataType.isBool(type)) return fixed('BOOLEAN', 1);
  if (DataType.isInt(type)) {
    const name = { 8: 'TINYINT', 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }[type.bitWidth];
    return fixed(`${type.isSigned ? '' : 'U'}${name}`, type.bitWidth / 8);
  }
  if (DataType.isFloat(type)) return type.precision === 2 ? fixed('DOUBLE', 8) : fixed('FLOAT', 4);
  if (DataType.isDecimal(type)) {
    const { precision, scale } = type;
    if (precision > DECIMAL_DIGITS_MAX || scale < 0 || scale > precision) return TEXT;
    return fixed(`DECIMAL(${precision},${scale})`, decimalWidth(precision));
  }
  if (DataType.isDate(type)) return fixed('DATE', 4);
  if (DataType.isTime(type)) return fixed(type.unit === TimeUnit.NANOSECOND ? 'TIME_NS' : 'TIME', 8);
  if (DataType.isTimestamp(type)) {
    if (type.unit === TimeUnit.NANOSECOND) return fixed('TIMESTAMP_NS', 8);
    if (type.timezone) return fixed('TIMESTAMP WITH TIME ZONE', 8);
    return fixed(
      { [TimeUnit.SECOND]: 'TIMESTAMP_S', [TimeUnit.MILLISECOND]: 'TIMESTAMP_MS', [TimeUnit.MICROSECOND]: 'TIMESTAMP' }[
        type.unit
      ],
      8,
    );
  }
  if (DataType.isDuration(type)) return type.unit === TimeUnit.NANOSECOND ? fixed('BIGINT', 8) : fixed('INTERVAL', 16);
  if (DataType.isInterval(type)) return fixed('INTERVAL', 16);
  if (DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isFixedSizeBinary(type)) return BLOB;
  if (DataType.isNull(type)) return fixed('INTEGER', 4);
  return TEXT;
}

/** The engine's handle of a type that {@link engineTypeOf} names. */
export function logicalTypeOf({ sql }: EngineType): duckdb.LogicalType {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(sql);
  if (decimal) return duckdb.create_decimal_type(Number(decimal[1]), Number(decimal[2]));
  const name = sql === 'TIMESTAMP WITH TIME ZONE' ? 'TIMESTAMP_TZ' : sql;
  return duckdb.create_logical_type(duckdb.Type[name as keyof typeof duckdb.Type]);
}
