import { rmSync } from 'node:fs';
import type { Schema } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { engineTypeOf } from '../duckdb-types.ts';
import type { DecodePool, PendingDecode } from '../decode-pool.ts';
import { chunkTask, type ScanCounts, type WantedRowGroup } from '../wanted-row-groups.ts';
import { parquetTypeOf } from './parquet-types.ts';
import { type RowGroupTask, writeRowGroupFile } from './row-group-file.ts';
import type { FileLease, RowGroupFiles } from './row-group-files.ts';

/** Files with everything that a query reads of one asset. */
export interface DecodedFiles {
  readonly paths: readonly string[];
  /** The column with this index in the schema, as an expression over the columns of the files. */
  columnExpression(index: number): string;
  release(): void;
}

export interface DecodeToFilesDeps {
  readonly pool: DecodePool;
  readonly files: RowGroupFiles;
}

/** A text of unknown length is taken for this long when the size of decoded columns is foreseen. */
const TEXT_BYTES_GUESSED = 8;

const columnName = (index: number): string => `c${index}`;

/**
 * Decodes the columns of the row groups into files, or finds them decoded. Undefined when the files would be more than
 * the cache holds, or a column has no type there: the rows are to be scanned as they are decoded then. Synchronous, with
 * the work spread over the decode threads once they run. Errors: `SEGMENT_MISSING`, `SEGMENT_CORRUPT`, `CANCELLED`,
 * `DISK_FULL`.
 */
export function decodeToFiles(
  { pool, files }: DecodeToFilesDeps,
  schema: Schema,
  wanted: readonly WantedRowGroup[],
  columns: readonly number[],
  counts: ScanCounts,
  isCancelled: () => boolean,
): DecodedFiles | undefined {
  const sqlTypes = schema.fields.map(({ type }) => engineTypeOf(type).sql);
  if (columns.length === 0 || wanted.length === 0) return undefined;
  if (!columns.every((column) => isHeld(sqlTypes[column]!, wanted, column))) return undefined;
  if (foreseenBytes(schema, wanted, columns) > files.byteCountMax) return undefined;
  const lease = files.lease();
  try {
    const work = { pool, counts, isCancelled, lease, columns, sqlTypes };
    const paths = decodeAll(work, wanted);
    if (!paths) lease.release();
    return (
      paths && {
        paths,
        columnExpression: (index) => `${columnName(index)}::${sqlTypes[index]}`,
        release: lease.release,
      }
    );
  } catch (error) {
    lease.release();
    throw error;
  }
}

/** Milliseconds since the epoch beyond which, a little later, microseconds no longer fit into 64 bits. */
const MILLISECONDS_MAX = 9e15;

/** True when the files hold every value of the column exactly. */
function isHeld(sqlType: string, wanted: readonly WantedRowGroup[], column: number): boolean {
  if (!parquetTypeOf(sqlType)) return false;
  if (sqlType !== 'TIMESTAMP_MS') return true;
  // The engine reads them as microseconds on the way.
  return wanted.every(({ rowCount, chunks }) => {
    const { min, max, nullCount } = chunks[column]!.statistics;
    const isWithin = (bound: unknown) => typeof bound === 'number' && Math.abs(bound) <= MILLISECONDS_MAX;
    return nullCount === rowCount || (isWithin(min) && isWithin(max));
  });
}

function foreseenBytes(schema: Schema, wanted: readonly WantedRowGroup[], columns: readonly number[]): number {
  const rowBytes = columns.reduce((sum, column) => {
    const { layout } = engineTypeOf(schema.fields[column]!.type);
    return sum + (layout.kind === 'fixed' ? layout.width : TEXT_BYTES_GUESSED);
  }, 0);
  return wanted.reduce((sum, { rowCount }) => sum + rowCount * rowBytes, 0);
}

interface Work {
  readonly pool: DecodePool;
  readonly counts: ScanCounts;
  readonly isCancelled: () => boolean;
  readonly lease: FileLease;
  readonly columns: readonly number[];
  readonly sqlTypes: readonly string[];
}

/** A row group on its way into a file. */
interface Pending {
  readonly task: RowGroupTask;
  readonly group: WantedRowGroup;
  readonly index: number;
  /** Undefined when no thread has taken it. */
  readonly decode: PendingDecode | undefined;
}

const keyOf = ({ segmentId, rowGroup }: WantedRowGroup): string => `${segmentId}/${rowGroup}`;

/** Paths in the order of the row groups; undefined once the files are more than the cache holds. */
function decodeAll(work: Work, wanted: readonly WantedRowGroup[]): readonly string[] | undefined {
  const { pool, columns, counts, lease, isCancelled } = work;
  const paths = wanted.map((group) => {
    const found = lease.find(keyOf(group), columns);
    if (found) counts.chunksCached += columns.length;
    return found?.path;
  });
  const missing = wanted.flatMap((group, index) => (paths[index] === undefined ? [{ group, index }] : []));
  pool.collect();
  const pending: Pending[] = [];
  /** Keeps the threads busy; what no thread takes is done here once it is next. */
  const orderMore = (): void => {
    while (missing.length > 0) {
      const { group, index } = missing[0]!;
      const task = taskOf(work, group);
      const decode = pool.order({ kind: 'row group', rowGroup: task });
      if (!decode && pending.length > 0) return;
      missing.shift();
      pending.push({ task, group, index, decode });
    }
  };
  try {
    for (orderMore(); pending.length > 0; orderMore()) {
      const { task, group, index, decode } = pending[0]!;
      if (isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
      const outcome = decode && pool.finish(decode, isCancelled, orderMore);
      const { path, byteCount, milliseconds } = outcome ? { ...task, ...outcome } : decodeHere(work, group);
      pending.shift();
      if (decode && !outcome) abandon(decode, task.path);
      counts.decodeMilliseconds += milliseconds;
      for (const column of columns) counts.bytesRead += group.chunks[column]!.byteCount;
      paths[index] = path;
      const file = { path, columns: new Set(columns), byteCount: byteCount ?? 0 };
      if (!lease.add(keyOf(group), file)) return undefined;
    }
    return paths as readonly string[];
  } finally {
    for (const { decode, task } of pending) if (decode) abandon(decode, task.path);
  }
}

/** Removes the file of work that nobody waits for any more, now or once it is there. */
function abandon(decode: PendingDecode, path: string): void {
  decode.onSettled = () => rmSync(path, { force: true });
  if (decode.outcome) decode.onSettled();
}

function decodeHere(work: Work, group: WantedRowGroup): { path: string; byteCount: number; milliseconds: number } {
  const start = performance.now();
  const task = taskOf(work, group);
  const byteCount = writeRowGroupFile(task);
  return { path: task.path, byteCount, milliseconds: performance.now() - start };
}

function taskOf({ lease, columns, sqlTypes }: Work, group: WantedRowGroup): RowGroupTask {
  return {
    path: lease.newPath(),
    rowCount: group.rowCount,
    columns: columns.map((column) => ({
      name: columnName(column),
      sqlType: sqlTypes[column]!,
      chunk: chunkTask(group, column),
    })),
  };
}
