import type { ThriftField } from './thrift-writer.ts';

/** How a Parquet file says what a column is, such that DuckDB reads it as the SQL type. */
export interface ParquetType {
  readonly physical: Physical;
  /** Bytes of a value; of decimals also the bytes that it has in a vector of the engine, which may be fewer. */
  readonly width: number;
  /** Integers of fewer bytes in a vector of the engine are filled up with zeros, else with their sign. */
  readonly isUnsigned?: boolean;
  /** `converted_type` or `logicalType`, and the fields that go with it. */
  readonly annotation: readonly ThriftField[];
}

export const PHYSICAL = {
  boolean: 0,
  int32: 1,
  int64: 2,
  float: 4,
  double: 5,
  bytes: 6,
  fixedBytes: 7,
} as const;
export type Physical = keyof typeof PHYSICAL;

const CONVERTED_TYPE = 6;
const SCALE = 7;
const PRECISION = 8;
const LOGICAL_TYPE = 10;

const plain = (physical: Physical, width: number): ParquetType => ({ physical, width, annotation: [] });
const converted = (physical: Physical, width: number, type: number): ParquetType => ({
  physical,
  width,
  annotation: [[CONVERTED_TYPE, { int32: type }]],
});
/** LogicalType.TIMESTAMP: whether it is an instant, and its unit as the number of a union's field (1 ms, 2 µs, 3 ns). */
const timestamp = (isInstant: boolean, unit: number): ParquetType => ({
  physical: 'int64',
  width: 8,
  annotation: [
    [
      LOGICAL_TYPE,
      {
        struct: [
          [
            8,
            {
              struct: [
                [1, { flag: isInstant }],
                [2, { struct: [[unit, { struct: [] }]] }],
              ],
            },
          ],
        ],
      },
    ],
  ],
});

const TYPES: Readonly<Record<string, ParquetType>> = {
  BOOLEAN: plain('boolean', 1),
  TINYINT: converted('int32', 4, 15),
  SMALLINT: converted('int32', 4, 16),
  INTEGER: converted('int32', 4, 17),
  BIGINT: converted('int64', 8, 18),
  UTINYINT: { ...converted('int32', 4, 11), isUnsigned: true },
  USMALLINT: { ...converted('int32', 4, 12), isUnsigned: true },
  UINTEGER: converted('int32', 4, 13),
  UBIGINT: converted('int64', 8, 14),
  FLOAT: plain('float', 4),
  DOUBLE: plain('double', 8),
  DATE: converted('int32', 4, 6),
  TIME: converted('int64', 8, 8),
  TIMESTAMP_MS: timestamp(false, 1),
  TIMESTAMP: timestamp(false, 2),
  TIMESTAMP_NS: timestamp(false, 3),
  'TIMESTAMP WITH TIME ZONE': timestamp(true, 2),
  VARCHAR: converted('bytes', 0, 0),
  BLOB: plain('bytes', 0),
};

const DECIMAL_CONVERTED = 5;

/**
 * The Parquet type that DuckDB reads as the SQL type, or as one that can be cast to it without loss; undefined where it has
 * none that keeps every value: intervals, and times and timestamps in other units. Numbers are those of parquet.thrift of Apache Parquet.
 */
export function parquetTypeOf(sql: string): ParquetType | undefined {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(sql);
  if (!decimal) return TYPES[sql];
  const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
  const width = precision <= 9 ? 4 : precision <= 18 ? 8 : 16;
  return {
    physical: width === 4 ? 'int32' : width === 8 ? 'int64' : 'fixedBytes',
    width,
    annotation: [
      [CONVERTED_TYPE, { int32: DECIMAL_CONVERTED }],
      [SCALE, { int32: scale }],
      [PRECISION, { int32: precision }],
    ],
  };
}
