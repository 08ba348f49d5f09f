import { type DataType, Precision, Type } from 'apache-arrow';
import { createBinaryColumn, createJsonColumn, createTextColumn } from './byte-columns.ts';
import { createDateColumn, createTimeColumn, createTimestampColumn } from './calendar-columns.ts';
import type { ColumnBuilder } from './column-builder.ts';
import { createDecimalColumn } from './decimal-column.ts';
import { createBooleanColumn, createFloatColumn, createIntColumn } from './number-columns.ts';

/**
 * A builder for `capacity` rows of this type, or undefined when values of the type have no text form here (lists,
 * structs, intervals, …). `isJson` columns of text take only valid JSON.
 */
export function createColumnBuilder(type: DataType, isJson: boolean, capacity: number): ColumnBuilder | undefined {
  const { typeId, unit, bitWidth, isSigned, precision, scale, timezone } = type as DataType & {
    unit: number;
    bitWidth: number;
    isSigned: boolean;
    precision: number;
    scale: number;
    timezone?: string | null;
  };
  switch (typeId) {
    case Type.Bool:
      return createBooleanColumn(type, capacity);
    case Type.Int:
      return createIntColumn(type, bitWidth, isSigned, capacity);
    case Type.Float:
      return precision === Precision.HALF ? undefined : createFloatColumn(type, precision, capacity);
    case Type.Decimal:
      return bitWidth === 128 ? createDecimalColumn(type, precision, scale, capacity) : undefined;
    case Type.Utf8:
      return isJson ? createJsonColumn(type, capacity) : createTextColumn(type, capacity);
    case Type.Binary:
      return createBinaryColumn(type, capacity);
    case Type.Date:
      return createDateColumn(type, unit, capacity);
    case Type.Time:
      return createTimeColumn(type, unit, bitWidth, capacity);
    case Type.Timestamp:
      return createTimestampColumn(type, unit, Boolean(timezone), capacity);
    default:
      return undefined;
  }
}
