import { type Data, DataType, type RecordBatch } from 'apache-arrow';
import { GranaryError, isGranaryError } from '#core/kernel/index.ts';
import { arrowDataOf } from './arrow-data.ts';
import { fieldToJson } from './arrow-json.ts';
import { isWithin, numbersOf } from './bounded.ts';
import { columnChecksum } from './column-checksum.ts';
import { pictureUnit } from './column-picture.ts';
import { columnValuesOf, type ColumnValues } from './column-values.ts';
import { concatData } from './concat-data.ts';
import { decodeColumn, type DecodedColumn } from './decode-column.ts';
import { encodeColumn } from './encode-column.ts';
import type { EncodedColumn } from './encoded-column.ts';
import { type ErrorBound, errorBoundOf } from './error-bound.ts';
import { COLUMNS_MAX, ROW_GROUP_ROWS_MAX } from './limits.ts';
import { sameData } from './nested.ts';
import type { EncodedChunk, EncodedRowGroup } from './segment-header.ts';
import { statisticsOf } from './statistics.ts';
import { bytesOf, sameBytes } from './words.ts';

export interface RowGroupOptions {
  /** Values come in for the first time: those of columns with an error bound may be approximated. */
  readonly bounded?: boolean | undefined;
}

/**
 * Encodes the columns of a record batch, each into one AV1 temporal unit, then decodes every unit again and compares
 * the values bit for bit, or with their error bound. Pure and synchronous; made for workers. Errors: `CODEC_MISMATCH` naming the column,
 * `TYPE_UNSUPPORTED`, `LIMIT_EXCEEDED`, `INPUT_INVALID`.
 */
export function encodeRowGroup(batch: RecordBatch, { bounded = false }: RowGroupOptions = {}): EncodedRowGroup {
  const { fields } = batch.schema;
  checkLimits(fields.length, batch.numRows);
  const chunks = fields.map((field, index) => {
    fieldToJson(field);
    try {
      const bound = bounded ? errorBoundOf(field) : undefined;
      return encodeChunk(field.type as DataType, batch.data.children[index]!, bound);
    } catch (error) {
      throw inColumn(error, field.name);
    }
  });
  return { rowCount: batch.numRows, chunks };
}

/** Errors: `LIMIT_EXCEEDED`. */
export function checkLimits(columnCount: number, rowCount: number): void {
  if (columnCount > COLUMNS_MAX) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `A table has at most ${COLUMNS_MAX} columns; this one has ${columnCount}.`,
      {
        limit: COLUMNS_MAX,
        columns: columnCount,
      },
    );
  }
  if (rowCount > ROW_GROUP_ROWS_MAX) {
    throw new GranaryError('LIMIT_EXCEEDED', `A row group has at most ${ROW_GROUP_ROWS_MAX} rows, not ${rowCount}.`, {
      limit: ROW_GROUP_ROWS_MAX,
      rows: rowCount,
    });
  }
}

function inColumn(error: unknown, column: string): GranaryError {
  if (!(error instanceof GranaryError)) {
    return new GranaryError(
      'INTERNAL',
      `Encoding column "${column}" failed: ${String(error)}`,
      { column },
      { cause: error },
    );
  }
  return new GranaryError(
    error.code,
    `Column "${column}": ${error.message}`,
    { ...error.details, column },
    { cause: error },
  );
}

function encodeChunk(type: DataType, data: Data, bound: ErrorBound | undefined): EncodedChunk {
  const column = columnOf(type, data);
  const encoded = encodeColumn(type, column, bound);
  const { unit, method, mapping, description, stored } = encoded;
  const encoding = { method, mapping, ...description };
  const checksum = verify(type, column, encoded, bound);
  const statistics = statisticsOf(type, stored);
  return { byteCount: unit.length, encoding, statistics, checksum, unit, picture: pictureUnit(data, unit.length) };
}

function columnOf(type: DataType, data: Data): ColumnValues {
  const column = columnValuesOf(data);
  // What is nested is brought to row 0 first: Arrow's IPC writer is exact only for arrays that were not sliced.
  return column.values.kind === 'nested'
    ? { ...column, values: { kind: 'nested', data: concatData(type, [data]) } }
    : column;
}

/**
 * Decodes the unit the way a reader will, up to the Arrow array, and compares with what went in. Returns the checksum
 * of the decoded values. Errors: `CODEC_MISMATCH`, `LIMIT_EXCEEDED` when it expands further than readers accept.
 */
function verify(
  type: DataType,
  column: ColumnValues,
  { unit, method, description, stored }: EncodedColumn,
  bound: ErrorBound | undefined,
): string {
  const mismatch = (cause?: unknown) =>
    new GranaryError(
      'CODEC_MISMATCH',
      `The column did not come back as it went in (type ${type}, ${method}).`,
      { type: String(type), method },
      { cause },
    );
  let decoded: DecodedColumn;
  try {
    decoded = decodeColumn(type, unit, { method, ...description }, stored.rowCount, stored.nullCount);
  } catch (error) {
    throw isGranaryError(error, 'LIMIT_EXCEEDED') ? error : mismatch(error);
  }
  const back = columnValuesOf(arrowDataOf(type, decoded.column));
  if (!(sameColumn(column, back) || (bound && nearColumn(type, column, back, bound)))) throw mismatch();
  return columnChecksum(decoded);
}

/** Whether every value is within the bound, and nulls, infinities, NaN, the least and the greatest are what they were. */
function nearColumn(type: DataType, left: ColumnValues, right: ColumnValues, bound: ErrorBound): boolean {
  const [a, b] = [left.values, right.values];
  if (a.kind !== 'fixed' || b.kind !== 'fixed' || a.bytes.length !== b.bytes.length) return false;
  const withSame = { ...right, values: left.values };
  const given = numbersOf(type, a.bytes, a.width);
  const stored = numbersOf(type, b.bytes, b.width);
  if (!sameColumn(left, withSame) || !given || !stored) return false;
  let [least, most, storedLeast, storedMost] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < given.length; i++) {
    if (!isWithin(bound, given[i]!, stored[i]!)) return false;
    least = given[i]! < least ? given[i]! : least;
    most = given[i]! > most ? given[i]! : most;
    storedLeast = stored[i]! < storedLeast ? stored[i]! : storedLeast;
    storedMost = stored[i]! > storedMost ? stored[i]! : storedMost;
  }
  return least === storedLeast && most === storedMost;
}

function sameColumn(left: ColumnValues, right: ColumnValues): boolean {
  if (left.rowCount !== right.rowCount || left.nullCount !== right.nullCount) return false;
  const empty = new Uint8Array(0);
  if (!sameBytes(left.validity ?? empty, right.validity ?? empty)) return false;
  const a = left.values;
  const b = right.values;
  if (a.kind === 'fixed') return b.kind === 'fixed' && sameBytes(a.bytes, b.bytes);
  if (a.kind === 'text') {
    return b.kind === 'text' && sameBytes(bytesOf(a.offsets), bytesOf(b.offsets)) && sameBytes(a.bytes, b.bytes);
  }
  if (a.kind === 'nested') return b.kind === 'nested' && sameData(a.data, b.data);
  return a.kind === b.kind;
}
