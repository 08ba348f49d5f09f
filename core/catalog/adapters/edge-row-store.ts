import type { RecordBatch } from 'apache-arrow';
import { type Clock, GranaryError, isGranaryError, type Random, throwIfAborted, uuidv7 } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange, type Write } from '#core/platform/ports.ts';
import type { ColumnSummary, RowStore, SegmentFault, SegmentRef, WriteOptions, WriteTarget } from '../ports.ts';
import { decodeEdgeChunk, encodeEdgeChunk } from './edge-chunk.ts';
import { createGroupCommit } from './group-commit.ts';
import { countNulls } from './count-nulls.ts';
import { countingBatches, projectBatch, projectSchema } from './project-batch.ts';
import { plainBatch, plainSchema } from './plain-batch.ts';
import { byteCountOf, splitBatch } from './split-batch.ts';

/** Rows of one value of the store: small enough to read one for a few rows, large enough to scan quickly. */
export const EDGE_CHUNK_ROWS_MAX = 4096;
/** LevelDB copies a value several times on its way: longer rows make a chunk of fewer rows. */
export const EDGE_CHUNK_BYTES_MAX = 2 ** 20;
/** One row cannot be divided and is held in memory several times while it is written. */
export const EDGE_ROW_BYTES_MAX = 64 * 2 ** 20;
/**
 * Chunks are synced at least this often. Not only at the end of a run: LevelDB starts a new log file whenever its write
 * buffer is full and does not sync the one it leaves, so a single sync at the end would not reach the first chunks.
 */
export const EDGE_UNSYNCED_BYTES_MAX = 2 ** 20;
/** Keys removed in one commit: bounds its memory. */
export const EDGE_REMOVALS_MAX = 1024;

/** Digits of a chunk's number in its key: 10^8 chunks of 4,096 rows are more than a disk holds. */
const CHUNK_DIGITS = 8;

/**
 * Keys: the chunks of a run, and an entry without content per run, so that the runs can be listed without reading their
 * rows. A run's entry is stored with its first chunk and removed with its last one.
 */
const ROWS = 'edge/';
const RUNS = 'edge-run/';

const chunkKey = (runId: string, chunk: number): string =>
  `${ROWS}${runId}/${String(chunk).padStart(CHUNK_DIGITS, '0')}`;
const chunksOf = (runId: string) => prefixRange(`${ROWS}${runId}/`);

export interface EdgeRowStoreDeps {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly random: Random;
}

export interface EdgeRowStore extends RowStore {
  /**
   * Stores a few rows as a run of their own and resolves once they are durable. Calls under way at the same time share a
   * sync, so many small writes cost little more than one. At least one row. Errors: as `write`.
   */
  append(target: WriteTarget, batch: RecordBatch, options?: WriteOptions): Promise<SegmentRef>;
}

/**
 * EDGE: rows in the node's key-value store, for many small writes. One write is one run, its id is
 * `<asset id>/<UUIDv7>`; chunks of a run that was cut short belong to nothing and are removed with the unreferenced.
 */
export function createEdgeRowStore({ store, clock, random }: EdgeRowStoreDeps): EdgeRowStore {
  const commit = createGroupCommit(store);

  async function* write(
    target: WriteTarget,
    batches: AsyncIterable<RecordBatch> | Iterable<RecordBatch>,
    { signal, report }: WriteOptions = {},
  ): AsyncGenerator<SegmentRef> {
    const runId = `${target.assetId}/${uuidv7({ clock, random })}`;
    const schema = plainSchema(target.schema);
    const nullCounts = schema.fields.map(() => 0);
    let chunkCount = 0;
    let rowCount = 0;
    let byteCount = 0;
    let unsynced: Write[] = [];
    let unsyncedBytes = 0;
    const flush = async () => {
      if (unsynced.length > 0) await commit(unsynced);
      unsynced = [];
      unsyncedBytes = 0;
      report?.({ stage: 'writing', subject: target.assetName, done: rowCount, unit: 'rows' });
    };

    for await (const batch of batches) {
      for (const piece of splitBatch(plainBatch(batch), {
        rowsMax: EDGE_CHUNK_ROWS_MAX,
        bytesMax: EDGE_CHUNK_BYTES_MAX,
      })) {
        throwIfAborted(signal);
        assertRowSize(target, piece);
        const key = chunkKey(runId, chunkCount);
        const value = encodeEdgeChunk(key, schema, [piece]);
        if (chunkCount === 0) unsynced.push({ kind: 'put', key: RUNS + runId, value: new Uint8Array(0) });
        unsynced.push({ kind: 'put', key, value });
        piece.data.children.forEach((column, i) => (nullCounts[i]! += countNulls(column)));
        chunkCount++;
        rowCount += piece.numRows;
        byteCount += value.length;
        unsyncedBytes += value.length;
        if (unsyncedBytes >= EDGE_UNSYNCED_BYTES_MAX) await flush();
      }
    }
    throwIfAborted(signal);
    if (chunkCount === 0) return;
    await flush();
    const columns = nullCounts.map((nullCount): ColumnSummary => ({ nullCount }));
    yield { id: runId, rowCount, byteCount, columns };
  }

  return {
    format: 'EDGE',
    write,
    async append(target, batch, options) {
      for await (const segment of write(target, [batch], options)) return segment;
      throw new GranaryError('INPUT_INVALID', 'No rows were given to append.', { asset: target.assetName });
    },
    async *scan(target, segments, request, { signal } = {}) {
      const schema = projectSchema(plainSchema(target.schema), request.columns);
      for (const segment of segments) {
        throwIfAborted(signal);
        if (request.columns.length === 0) {
          yield* countingBatches(segment.rowCount);
          continue;
        }
        let chunk = 0;
        let rowCount = 0;
        for await (const [key, value] of store.entries(chunksOf(segment.id), { signal })) {
          const batches = key === chunkKey(segment.id, chunk) ? decodeEdgeChunk(key, value) : undefined;
          if (!batches) throw corrupt(target, segment, chunk);
          chunk++;
          for (const batch of batches) {
            rowCount += batch.numRows;
            yield projectBatch(batch, schema);
          }
        }
        if (chunk === 0) throw missing(target, segment);
        if (rowCount !== segment.rowCount) throw corrupt(target, segment, chunk);
      }
    },
    async *verify(target, segments, { signal, report } = {}) {
      let done = 0;
      for (const segment of segments) {
        yield* verifyRun(store, target, segment, signal);
        done += segment.byteCount;
        report?.({ stage: 'verifying', subject: target.assetName, done, unit: 'bytes' });
      }
    },
    async removeUnreferenced(isReferenced) {
      const unknown: string[] = [];
      for await (const [key] of store.entries(prefixRange(RUNS))) {
        const runId = key.slice(RUNS.length);
        if (!isReferenced(runId)) unknown.push(runId);
      }
      for (const runId of unknown) await removeRun(store, runId);
      return unknown.length;
    },
  };
}

/** The run's entry goes last: removing that was cut short is taken up again at the next start. */
async function removeRun(store: KeyValueStore, runId: string): Promise<void> {
  let removals = new Commit();
  for await (const [key] of store.entries(chunksOf(runId))) {
    removals.delete(key);
    if (removals.writes.length < EDGE_REMOVALS_MAX) continue;
    await store.write(removals, { sync: false });
    removals = new Commit();
  }
  await store.write(removals.delete(RUNS + runId), { sync: false });
}

async function* verifyRun(
  store: KeyValueStore,
  target: WriteTarget,
  segment: SegmentRef,
  signal: AbortSignal | undefined,
): AsyncGenerator<SegmentFault> {
  let chunk = 0;
  let rowCount = 0;
  let faultCount = 0;
  try {
    for await (const [key, value] of store.entries(chunksOf(segment.id), { signal })) {
      const batches = key === chunkKey(segment.id, chunk) ? decodeEdgeChunk(key, value) : undefined;
      if (!batches) {
        faultCount++;
        yield faultOf(segment, corrupt(target, segment, chunk), chunk);
      }
      for (const batch of batches ?? []) rowCount += batch.numRows;
      chunk++;
    }
  } catch (error) {
    if (!isGranaryError(error, 'STORE_DAMAGED')) throw error;
    faultCount++;
    yield faultOf(segment, error, chunk);
  }
  if (faultCount > 0) return;
  if (chunk === 0) yield faultOf(segment, missing(target, segment));
  else if (rowCount !== segment.rowCount) yield faultOf(segment, corrupt(target, segment, chunk), chunk);
}

const faultOf = (segment: SegmentRef, error: GranaryError, rowGroup?: number): SegmentFault => ({
  segmentId: segment.id,
  code: error.code === 'SEGMENT_MISSING' ? 'SEGMENT_MISSING' : 'SEGMENT_CORRUPT',
  message: error.message,
  ...(rowGroup === undefined ? {} : { rowGroup }),
});

const missing = (target: WriteTarget, segment: SegmentRef): GranaryError =>
  new GranaryError(
    'SEGMENT_MISSING',
    `The rows ${segment.id} of the asset ${JSON.stringify(target.assetName)} are not in the store. Restore the home from a backup.`,
    { asset: target.assetName, segment: segment.id },
  );

const corrupt = (target: WriteTarget, segment: SegmentRef, chunk: number): GranaryError =>
  new GranaryError(
    'SEGMENT_CORRUPT',
    `Row group ${chunk} of the rows ${segment.id} of the asset ${JSON.stringify(target.assetName)} is damaged. Restore the home from a backup.`,
    { asset: target.assetName, segment: segment.id, rowGroup: chunk },
  );

function assertRowSize(target: WriteTarget, piece: RecordBatch): void {
  if (piece.numRows > 1) return;
  const byteCount = byteCountOf(piece.data, 0, 1);
  if (byteCount <= EDGE_ROW_BYTES_MAX) return;
  throw new GranaryError(
    'LIMIT_EXCEEDED',
    `A row of ${byteCount} bytes is larger than the ${EDGE_ROW_BYTES_MAX} bytes that EDGE stores. Use WEBM_COLUMNAR.`,
    { asset: target.assetName, limit: EDGE_ROW_BYTES_MAX, byteCount },
  );
}
