import type { RecordBatch } from 'apache-arrow';
import { throwIfAborted } from '#core/kernel/index.ts';
import type { SqlConnection, SqlDatabase } from '#core/platform/ports.ts';
import type { RowStore, SegmentRef, WriteOptions, WriteTarget } from '../ports.ts';
import { encodeCopyText } from './copy-text.ts';
import {
  columnTexts,
  createLakeTable,
  LAKE_COLUMNS_MAX,
  LAKE_DDL,
  lakeColumns,
  type LakeTable,
  lakeTableName,
  readLakeTable,
} from './lake-table.ts';
import { splitBatch } from './split-batch.ts';

/** Rows loaded in one transaction: PGlite serves nobody else until it ends, and 16 thousand rows take it about 0.2 s. */
export const LAKE_LOAD_ROWS_MAX = 16_384;
/** Bytes of Arrow loaded in one transaction; their text is held in memory, in the worst case twice as long. */
export const LAKE_LOAD_BYTES_MAX = 4 * 2 ** 20;

export interface MaterialiseDeps {
  readonly database: SqlDatabase;
  readonly journal: RowStore;
}

export interface MaterialiseInput {
  readonly target: WriteTarget;
  readonly version: number;
  /** All segments of the version, in order. */
  readonly segments: readonly SegmentRef[];
}

/**
 * Loads into the asset's table the segments it lacks. Rows of a segment come in pieces; the last piece and the note that
 * the segment is applied are one transaction, and rows beyond the last applied segment count for nothing and are removed
 * first. So after a crash anywhere no row is missing and none is there twice.
 */
export async function materialiseSegments(
  deps: MaterialiseDeps,
  { target, version, segments }: MaterialiseInput,
  options: WriteOptions,
): Promise<void> {
  if (target.schema.fields.length > LAKE_COLUMNS_MAX) return;
  throwIfAborted(options.signal);
  const table = await deps.database.transaction((connection) =>
    prepareTable(connection, { target, version, segments }),
  );
  if (!table) return;
  const rowsBefore = rowsOf(table.segments);
  let firstRow = rowsBefore;
  for (let position = table.segments.length; position < segments.length; position++) {
    const segment = segments[position]!;
    await loadSegment(deps, target, { table, segment, position, firstRow }, options);
    firstRow += segment.rowCount;
    options.report?.({
      stage: 'loading',
      subject: target.assetName,
      done: firstRow,
      total: rowsOf(segments),
      unit: 'rows',
    });
  }
  await analyse(deps.database, table, rowsBefore, firstRow);
}

/**
 * Without statistics a scan by row numbers is planned as a sort, at half the speed. PGlite gathers none by itself; once
 * for every doubling of the table is enough.
 */
async function analyse(database: SqlDatabase, table: LakeTable, rowsBefore: number, rowsAfter: number): Promise<void> {
  const hasDoubled = Math.floor(Math.log2(rowsAfter + 1)) > Math.floor(Math.log2(rowsBefore + 1));
  if (hasDoubled) await database.exec(`ANALYZE ${lakeTableName(table)} (_row)`);
}

const rowsOf = (segments: readonly { readonly rowCount: number }[]): number =>
  segments.reduce((total, { rowCount }) => total + rowCount, 0);

/** The table with what is applied of the version, or undefined when a newer version was loaded. */
async function prepareTable(
  connection: SqlConnection,
  { target, version, segments }: MaterialiseInput,
): Promise<LakeTable | undefined> {
  await connection.exec(LAKE_DDL);
  const table = await readLakeTable(connection, target.assetId);
  if (table && table.version > version) return undefined;
  const columns = columnTexts(target.schema);
  const grows =
    table !== undefined &&
    table.columns.length === columns.length &&
    table.columns.every((text, i) => text === columns[i]) &&
    table.segments.every(({ id }, i) => id === segments[i]?.id);
  if (!grows) return createLakeTable(connection, target, version);
  await connection.query('UPDATE lake.tables SET version = $2 WHERE asset_id = $1', [target.assetId, version]);
  await connection.query(`DELETE FROM ${lakeTableName(table)} WHERE _row >= $1`, [rowsOf(table.segments)]);
  return table;
}

interface SegmentLoad {
  readonly table: LakeTable;
  readonly segment: SegmentRef;
  readonly position: number;
  readonly firstRow: number;
}

async function loadSegment(
  { database, journal }: MaterialiseDeps,
  target: WriteTarget,
  { table, segment, position, firstRow }: SegmentLoad,
  { signal }: WriteOptions,
): Promise<void> {
  const columns = target.schema.fields.map(({ name }) => name);
  const physical = lakeColumns(columns.length);
  const inexact = new Set<number>();
  const batches = journal.scan(target, [segment], { columns, filters: [] }, { signal });
  let row = firstRow;
  for await (const { piece, isLast } of piecesOf(batches)) {
    throwIfAborted(signal);
    await database.transaction(async (connection) => {
      if (piece) await connection.copyIn(lakeTableName(table), physical, [encodeCopyText(piece, row, inexact)]);
      if (!isLast) return;
      await connection.query(
        'INSERT INTO lake.applied (asset_id, position, segment_id, row_count, inexact) VALUES ($1, $2, $3, $4, $5)',
        [target.assetId, position, segment.id, segment.rowCount, [...inexact]],
      );
    });
    row += piece?.numRows ?? 0;
  }
}

interface Piece {
  readonly piece: RecordBatch | undefined;
  readonly isLast: boolean;
}

/** Pieces that fit one transaction each; the last one is marked. No rows at all are one last piece of nothing. */
async function* piecesOf(batches: AsyncIterable<RecordBatch>): AsyncGenerator<Piece> {
  let held: RecordBatch | undefined;
  for await (const batch of batches) {
    for (const piece of splitBatch(batch, { rowsMax: LAKE_LOAD_ROWS_MAX, bytesMax: LAKE_LOAD_BYTES_MAX })) {
      if (held) yield { piece: held, isLast: false };
      held = piece;
    }
  }
  yield { piece: held, isLast: true };
}
