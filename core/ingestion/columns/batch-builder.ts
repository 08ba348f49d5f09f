import { type DataType, RecordBatch, type Schema, Struct, Type, makeData } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { isJsonField } from '../column-names.ts';
import { BATCH_BYTES_MAX, BATCH_ROWS_MAX } from '../limits.ts';
import type { ColumnBuilder } from './column-builder.ts';
import { createColumnBuilder } from './create-column-builder.ts';

/**
 * Builds record batches row by row. For each row the caller appends every column once, then calls `endRow`; a row whose
 * `append` fails is simply begun anew with the next record's values.
 */
export interface BatchBuilder {
  /** Appends the text of a value that is there; false when it does not fit the column. */
  append(column: number, bytes: Uint8Array, start: number, end: number): boolean;
  /** False when the column does not take nulls. */
  appendNull(column: number): boolean;
  /** A value that is there and empty: an empty text in columns of text and bytes, null in all others. */
  appendEmpty(column: number): boolean;
  /** Ends a row that came from `byteCount` bytes; returns a batch when it is full. */
  endRow(byteCount: number): RecordBatch | undefined;
  /** The rows that are left; undefined when there are none. */
  flush(): RecordBatch | undefined;
}

const NOTHING = new Uint8Array(0);

/** Errors: `TYPE_UNSUPPORTED` naming the column whose values cannot be read from text. */
export function createBatchBuilder(schema: Schema): BatchBuilder {
  const { fields } = schema;
  // Eight bytes a value is what most types take; long texts are counted as they come.
  const capacity = Math.max(
    1,
    Math.min(BATCH_ROWS_MAX, Math.floor(BATCH_BYTES_MAX / (8 * Math.max(1, fields.length)))),
  );
  const columns = fields.map((field): ColumnBuilder => {
    const builder = createColumnBuilder(field.type as DataType, isJsonField(field), capacity);
    if (builder) return builder;
    throw new GranaryError(
      'TYPE_UNSUPPORTED',
      `Column "${field.name}" has the type ${String(field.type)}, which cannot be read from text.`,
      { column: field.name, type: String(field.type) },
    );
  });
  const isNullable = fields.map((field) => field.nullable);
  const takesEmpty = fields.map(
    (field) => (field.type.typeId === Type.Utf8 && !isJsonField(field)) || field.type.typeId === Type.Binary,
  );
  let row = 0;
  let textBytes = 0;

  function take(): RecordBatch {
    const children = columns.map((column) => column.finish(row));
    const data = makeData({ type: new Struct(fields), length: row, nullCount: 0, children });
    row = 0;
    textBytes = 0;
    return new RecordBatch(schema, data);
  }

  return {
    append: (column, bytes, start, end) => columns[column]!.append(row, bytes, start, end),
    appendNull(column) {
      if (!isNullable[column]) return false;
      columns[column]!.appendNull(row);
      return true;
    },
    appendEmpty(column) {
      return takesEmpty[column] ? columns[column]!.append(row, NOTHING, 0, 0) : this.appendNull(column);
    },
    endRow(byteCount) {
      row++;
      textBytes += byteCount;
      return row === capacity || textBytes >= BATCH_BYTES_MAX ? take() : undefined;
    },
    flush: () => (row === 0 ? undefined : take()),
  };
}
