import type { ScanPlan } from '../plan-scan.ts';
import type { DataType } from 'apache-arrow';
import {
  type ChunkHeader,
  type FieldJson,
  fieldToJson,
  ROW_GROUP_ROWS,
  type SegmentHeader,
} from '#core/columnar/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import type { ColumnCache } from './column-cache.ts';
import { engineTypeOf } from './duckdb-types.ts';
import type { DecodePool, PendingDecode } from './decode-pool.ts';
import type { AssetDescription } from './query-messages.ts';
import type { ScanColumn } from './scan-column.ts';
import { type ChunkTask, decodeTask, type ReadHeader } from './segment-reader.ts';

/** What scans of segments share, within the thread that runs the engine. */
export interface ScanContext {
  readonly readHeader: ReadHeader;
  readonly pool: DecodePool;
  readonly cache: ColumnCache;
}

/** What the scans of one asset did. */
export interface ScanCounts {
  rowGroups: number;
  rowGroupsSkipped: number;
  bytesRead: number;
  chunksCached: number;
  decodeMilliseconds: number;
}

/** One row group that the plan needs. */
interface WantedRowGroup {
  readonly segmentId: string;
  readonly path: string;
  readonly rowGroup: number;
  readonly rowCount: number;
  readonly chunks: readonly ChunkHeader[];
  /** Columns of the segment. */
  readonly fields: readonly FieldJson[];
}

/** The row groups of an asset that a query reads, in order, and their columns as they are decoded. */
export interface ColumnarScan {
  readonly counts: ScanCounts;
  readonly rowGroupCount: number;
  readonly rowCount: number;
  rowCountOf(index: number): number;
  /** True when the column is stored as a dictionary of at most so many entries in every row group. */
  isDictionary(columnIndex: number, entriesMax: number): boolean;
  /** The columns of a row group; decodes or waits where it must. Errors: `SEGMENT_CORRUPT`, `CANCELLED`, … */
  columns(index: number, columnIndexes: readonly number[]): ScanColumn[];
  /** Orders the first row groups from the decode threads, so that they work while the engine starts. */
  prefetch(columnIndexes: readonly number[]): void;
}

/** A thread that has not answered for so long is taken to be stuck, and its work is done here. */
const ANSWER_MILLISECONDS_MAX = 5000;

/** With fewer values to decode, starting the decode threads takes longer than the work. */
const THREADED_VALUES_MIN = 2 ** 24;

/** How often a sleeping scan looks whether its query was cancelled. */
const CANCEL_CHECK_MILLISECONDS = 20;

/** Plans the scan: reads the headers of the segments that the manifest does not exclude. */
export function openColumnarScan(
  { readHeader, pool, cache }: ScanContext,
  asset: AssetDescription,
  plan: ScanPlan,
  isCancelled: () => boolean,
): ColumnarScan {
  const counts: ScanCounts = {
    rowGroups: 0,
    rowGroupsSkipped: 0,
    bytesRead: 0,
    chunksCached: 0,
    decodeMilliseconds: 0,
  };
  const wanted = wantedRowGroups(readHeader, asset, plan, counts, isCancelled);
  const pending = new Map<string, PendingDecode>();
  /** Chunks counted: two scans of one asset may both come by. */
  const seen = new Set<string>();
  const keyOf = (group: WantedRowGroup, column: number) => `${group.segmentId}/${group.rowGroup}/${column}`;
  const taskOf = (
    { segmentId, path, rowGroup, rowCount, chunks, fields }: WantedRowGroup,
    column: number,
  ): ChunkTask => ({
    segmentId,
    path,
    assetName: asset.name,
    rowGroup,
    column,
    field: fields[column]!,
    rowCount,
    chunk: chunks[column]!,
  });

  /** Orders one chunk unless it is at hand or on its way; false when no thread takes it. */
  const order = (group: WantedRowGroup, column: number): boolean => {
    const key = keyOf(group, column);
    if (pending.has(key) || cache.get(key)) return true;
    const ordered = pool.order(taskOf(group, column));
    if (!ordered) return false;
    counts.bytesRead += group.chunks[column]!.byteCount;
    pending.set(key, ordered);
    return true;
  };

  /** Keeps the threads busy with what comes next, without getting far ahead of the reader. */
  const orderAhead = (index: number, columnIndexes: readonly number[]): void => {
    for (let ahead = index; ahead < wanted.length && ahead < index + pool.capacity; ahead++) {
      if (!columnIndexes.every((column) => order(wanted[ahead]!, column))) return;
    }
  };

  /** What a thread decodes, once it has; undefined when the thread was lost. */
  const awaitDecode = (decode: PendingDecode): ScanColumn | undefined => {
    const patience = Math.ceil(ANSWER_MILLISECONDS_MAX / CANCEL_CHECK_MILLISECONDS);
    pool.collect();
    for (let waits = 0; !decode.outcome && !decode.lost && waits < patience; waits++) {
      if (isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
      pool.waitForAnswer(CANCEL_CHECK_MILLISECONDS);
    }
    if (decode.outcome?.error) throw decode.outcome.error;
    counts.decodeMilliseconds += decode.outcome?.milliseconds ?? 0;
    return decode.outcome?.column;
  };

  const decodeHere = (group: WantedRowGroup, column: number): ScanColumn => {
    if (isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
    const start = performance.now();
    const decoded = decodeTask(taskOf(group, column));
    counts.bytesRead += group.chunks[column]!.byteCount;
    counts.decodeMilliseconds += performance.now() - start;
    return decoded;
  };

  return {
    counts,
    rowGroupCount: wanted.length,
    rowCount: wanted.reduce((sum, group) => sum + group.rowCount, 0),
    isDictionary: (column, entriesMax) =>
      wanted.every(({ chunks }) => {
        const { mapping, entries } = chunks[column]!.encoding;
        return mapping === 'dictionary' && Number(entries) <= entriesMax;
      }),
    rowCountOf: (index) => wanted[index]!.rowCount,
    prefetch(columnIndexes) {
      const rowCount = wanted.reduce((sum, group) => sum + group.rowCount, 0);
      if (rowCount * columnIndexes.length >= THREADED_VALUES_MIN) pool.start();
      orderAhead(0, columnIndexes);
    },
    columns(index, columnIndexes) {
      const group = wanted[index]!;
      pool.collect();
      orderAhead(index, columnIndexes);
      return columnIndexes.map((column) => {
        const key = keyOf(group, column);
        const cached = cache.get(key);
        if (cached) {
          if (!seen.has(key)) counts.chunksCached += 1;
          seen.add(key);
          return cached;
        }
        const ordered = pending.get(key);
        pending.delete(key);
        const decoded = (ordered && awaitDecode(ordered)) ?? decodeHere(group, column);
        seen.add(key);
        cache.put(key, decoded);
        return decoded;
      });
    },
  };
}

/** What stands in the way of reading the segment as rows of the asset; undefined when nothing does. */
function misfit(segment: SegmentHeader, asset: AssetDescription): string | undefined {
  const { fields } = segment.schema;
  if (fields.length !== asset.schema.fields.length) return `it has ${fields.length} columns.`;
  const other = fields.find(
    (field, i) =>
      engineTypeOf(field.type as DataType).sql !== engineTypeOf(asset.schema.fields[i]!.type as DataType).sql,
  );
  return other && `its column "${other.name}" has the type ${other.type}.`;
}

function wantedRowGroups(
  readHeader: ReadHeader,
  asset: AssetDescription,
  plan: ScanPlan,
  counts: ScanCounts,
  isCancelled: () => boolean,
): WantedRowGroup[] {
  const wanted: WantedRowGroup[] = [];
  for (const { id: segmentId, path, rowCount: segmentRows, columns: summaries } of asset.segments) {
    if (isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
    if (!plan.needs({ rowCount: segmentRows, columns: summaries })) {
      // Its header stays unread; this is how many row groups it has as a rule.
      const rowGroups = Math.ceil(segmentRows / ROW_GROUP_ROWS);
      counts.rowGroups += rowGroups;
      counts.rowGroupsSkipped += rowGroups;
      continue;
    }
    const header = readHeader({ segmentId, path, assetName: asset.name });
    const fault = misfit(header, asset);
    if (fault !== undefined) {
      const message = `Segment ${segmentId} does not hold rows of asset "${asset.name}": ${fault}`;
      throw new GranaryError('SEGMENT_CORRUPT', message, { asset: asset.name, segment: segmentId });
    }
    const fields = header.schema.fields.map(fieldToJson);
    for (const [rowGroup, { rowCount, chunks }] of header.rowGroups.entries()) {
      counts.rowGroups += 1;
      if (plan.needs({ rowCount, columns: chunks.map((chunk) => chunk.statistics) })) {
        wanted.push({ segmentId, path, rowGroup, rowCount, chunks, fields });
      } else counts.rowGroupsSkipped += 1;
    }
  }
  return wanted;
}
