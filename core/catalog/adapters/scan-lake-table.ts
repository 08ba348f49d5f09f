import type { RecordBatch, Schema } from 'apache-arrow';
import { type AbortOptions, GranaryError, isGranaryError, throwIfAborted } from '#core/kernel/index.ts';
import type { SqlDatabase } from '#core/platform/ports.ts';
import type { RowStore, ScanRequest, SegmentRef, WriteTarget } from '../ports.ts';
import { readCopyBinary } from './copy-binary.ts';
import { lakeConditions } from './lake-filter.ts';
import { columnTexts, type LakeTable, lakeTableName } from './lake-table.ts';
import { isExactInPostgres } from './postgres-column.ts';
import { columnIndex, projectSchema } from './project-batch.ts';

/** Rows one statement asks for: PGlite serves nobody else meanwhile, and 128 thousand rows take it about 0.2 s. */
export const LAKE_SCAN_ROWS_MAX = 131_072;

/** How to answer a scan from the asset's table. */
export interface LakeScan {
  readonly table: LakeTable;
  readonly target: WriteTarget;
  readonly segments: readonly SegmentRef[];
  readonly request: ScanRequest;
  /** The columns of the answer, in order. */
  readonly schema: Schema;
  /** The same columns and the filters as SQL. */
  readonly columns: readonly string[];
  readonly conditions: readonly string[];
  readonly rowCount: number;
}

/**
 * The scan of a version from the table, or undefined when the table cannot answer exactly: the version's segments must be
 * the first ones that are applied, and every column asked for must have been held whole. Pure.
 */
export function planLakeScan(
  table: LakeTable,
  target: WriteTarget,
  segments: readonly SegmentRef[],
  request: ScanRequest,
): LakeScan | undefined {
  if (!segments.every(({ id }, i) => id === table.segments[i]?.id)) return undefined;
  const stored = columnTexts(target.schema);
  if (stored.length !== table.columns.length || stored.some((text, i) => text !== table.columns[i])) return undefined;
  const inexact = new Set(table.segments.slice(0, segments.length).flatMap((segment) => segment.inexact));
  const indexes = request.columns.map((name) => columnIndex(target.schema, name));
  const isExact = (i: number) => !inexact.has(i) && isExactInPostgres(target.schema.fields[i]!.type);
  if (!indexes.every(isExact)) return undefined;
  return {
    table,
    target,
    segments,
    request,
    schema: projectSchema(target.schema, request.columns),
    columns: indexes.map((i) => `c${i}`),
    conditions: lakeConditions(request.filters, target.schema, inexact),
    rowCount: segments.reduce((total, { rowCount }) => total + rowCount, 0),
  };
}

/**
 * Reads the planned rows, in order, a range at a time. When the table is replaced between two ranges, the journal answers
 * for the rest: it has the same rows in the same order.
 */
export async function* scanLakeTable(
  database: SqlDatabase,
  journal: RowStore,
  scan: LakeScan,
  options: AbortOptions,
): AsyncGenerator<RecordBatch> {
  for (let rowStart = 0; rowStart < scan.rowCount; rowStart += LAKE_SCAN_ROWS_MAX) {
    throwIfAborted(options.signal);
    const rowEnd = Math.min(rowStart + LAKE_SCAN_ROWS_MAX, scan.rowCount);
    const chunks = database.copyOut(selectRange(scan, rowStart, rowEnd), 'binary', options);
    let found = 0;
    try {
      for await (const batch of readCopyBinary(chunks, scan.schema)) {
        found += batch.numRows;
        yield batch;
      }
    } catch (error) {
      if (found > 0 || !isMissingTable(error)) throw error;
      yield* scanJournalFrom(journal, scan, rowStart, options);
      return;
    }
    if (scan.conditions.length === 0 && found !== rowEnd - rowStart) throw rowsLost(scan, rowEnd - rowStart, found);
  }
}

function selectRange({ table, columns, conditions }: LakeScan, rowStart: number, rowEnd: number): string {
  const where = [`_row >= ${rowStart}`, `_row < ${rowEnd}`, ...conditions].join(' AND ');
  return `SELECT ${columns.join(', ')} FROM ${lakeTableName(table)} WHERE ${where} ORDER BY _row`;
}

/** SQLSTATE `undefined_table`. */
const isMissingTable = (error: unknown): boolean =>
  isGranaryError(error, 'QUERY_FAILED') && error.details['sqlState'] === '42P01';

async function* scanJournalFrom(
  journal: RowStore,
  { target, segments, request }: LakeScan,
  rowStart: number,
  options: AbortOptions,
): AsyncGenerator<RecordBatch> {
  let first = 0;
  let toSkip = rowStart;
  while (first < segments.length && toSkip >= segments[first]!.rowCount) toSkip -= segments[first++]!.rowCount;
  const unfiltered = { columns: request.columns, filters: [] };
  for await (const batch of journal.scan(target, segments.slice(first), unfiltered, options)) {
    const skipped = Math.min(toSkip, batch.numRows);
    toSkip -= skipped;
    if (skipped < batch.numRows) yield skipped === 0 ? batch : batch.slice(skipped, batch.numRows);
  }
}

const rowsLost = ({ table, target }: LakeScan, expected: number, found: number): GranaryError =>
  new GranaryError(
    'STORE_DAMAGED',
    `The database holds ${found} of ${expected} rows of the asset ${JSON.stringify(target.assetName)}. ` +
      'Rebuild it with `granary doctor --rebuild-catalog`; no rows are lost, they stand in the journal.',
    { asset: target.assetName, table: lakeTableName(table) },
  );
