import type { ScanPlan } from '../plan-scan.ts';
import { GranaryError } from '#core/kernel/index.ts';
import type { ColumnCache } from './column-cache.ts';
import type { DecodePool, PendingDecode } from './decode-pool.ts';
import type { AssetDescription } from './query-messages.ts';
import type { ScanColumn } from './scan-column.ts';
import type { ChunkTask, SegmentReader } from './segment-reader.ts';

/** What scans of segments share, within the thread that runs the engine. */
export interface ScanContext {
  readonly reader: SegmentReader;
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
  readonly chunkByteCounts: readonly number[];
}

/** The row groups of an asset that a query reads, in order, and their columns as they are decoded. */
export interface ColumnarScan {
  readonly counts: ScanCounts;
  readonly rowGroupCount: number;
  rowCountOf(index: number): number;
  /** The columns of a row group; decodes or waits where it must. Errors: `SEGMENT_CORRUPT`, `CANCELLED`, … */
  columns(index: number, columnIndexes: readonly number[]): ScanColumn[];
  /** Orders the first row groups from the decode threads, so that they work while the engine starts. */
  prefetch(columnIndexes: readonly number[]): void;
}

/** A thread that has not answered for so long is taken to be stuck, and its work is done here. */
const ANSWER_MILLISECONDS_MAX = 5000;

/** How often a sleeping scan looks whether its query was cancelled. */
const CANCEL_CHECK_MILLISECONDS = 20;

/** Plans the scan: reads the headers of the segments that the manifest does not exclude. */
export function openColumnarScan(
  { reader, pool, cache }: ScanContext,
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
  const wanted = wantedRowGroups(reader, asset, plan, counts, isCancelled);
  const pending = new Map<string, PendingDecode>();
  const counted = new Set<string>();
  /** Columns of a segment stand in the order of the asset's schema unless it was written before the schema changed. */
  const keyOf = (group: WantedRowGroup, column: number) => `${group.segmentId}/${group.rowGroup}/${column}`;
  const taskOf = ({ segmentId, path, rowGroup }: WantedRowGroup, column: number): ChunkTask => ({
    segmentId,
    path,
    rowGroup,
    column,
    assetName: asset.name,
  });

  const order = (index: number, columnIndexes: readonly number[]): void => {
    const group = wanted[index];
    if (!group) return;
    for (const column of columnIndexes) {
      const key = keyOf(group, column);
      if (pending.has(key) || cache.get(key)) continue;
      counts.bytesRead += group.chunkByteCounts[column]!;
      pending.set(key, pool.order(taskOf(group, column)));
    }
  };

  /** Keeps the threads busy with what comes next, without getting far ahead of the reader. */
  const orderAhead = (index: number, columnIndexes: readonly number[]): void => {
    for (let ahead = index; ahead < wanted.length && ahead <= index + pool.capacity; ahead++) {
      if (pool.pendingCount >= pool.capacity && ahead > index) break;
      order(ahead, columnIndexes);
    }
  };

  const settled = (key: string, task: ChunkTask): ScanColumn => {
    const order = pending.get(key)!;
    const patience = Math.ceil(ANSWER_MILLISECONDS_MAX / CANCEL_CHECK_MILLISECONDS);
    pool.collect();
    for (let waits = 0; !order.outcome && !order.lost && waits < patience; waits++) {
      if (isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
      pool.waitForAnswer(CANCEL_CHECK_MILLISECONDS);
    }
    pending.delete(key);
    if (order.outcome?.error) throw order.outcome.error;
    counts.decodeMilliseconds += order.outcome?.milliseconds ?? 0;
    return order.outcome?.column ?? reader.decode(task);
  };

  return {
    counts,
    rowGroupCount: wanted.length,
    rowCountOf: (index) => wanted[index]!.rowCount,
    prefetch: (columnIndexes) => orderAhead(0, columnIndexes),
    columns(index, columnIndexes) {
      orderAhead(index, columnIndexes);
      const group = wanted[index]!;
      return columnIndexes.map((column) => {
        const key = keyOf(group, column);
        const cached = pending.has(key) ? undefined : cache.get(key);
        if (cached) {
          if (!counted.has(key)) counts.chunksCached += 1;
          counted.add(key);
          return cached;
        }
        if (!pending.has(key)) order(index, [column]);
        counted.add(key);
        const decoded = settled(key, taskOf(group, column));
        cache.put(key, decoded);
        return decoded;
      });
    },
  };
}

function wantedRowGroups(
  reader: SegmentReader,
  asset: AssetDescription,
  plan: ScanPlan,
  counts: ScanCounts,
  isCancelled: () => boolean,
): WantedRowGroup[] {
  const wanted: WantedRowGroup[] = [];
  for (const segment of asset.segments) {
    if (isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
    const { id: segmentId, path } = segment;
    const header = reader.header({ segmentId, path, assetName: asset.name });
    const needed = plan.needs({ rowCount: segment.rowCount, columns: segment.columns });
    for (const [rowGroup, { rowCount, chunks }] of header.rowGroups.entries()) {
      counts.rowGroups += 1;
      const columns = chunks.map((chunk) => chunk.statistics);
      if (!needed || !plan.needs({ rowCount, columns })) counts.rowGroupsSkipped += 1;
      else
        wanted.push({ segmentId, path, rowGroup, rowCount, chunkByteCounts: chunks.map((chunk) => chunk.byteCount) });
    }
  }
  return wanted;
}
