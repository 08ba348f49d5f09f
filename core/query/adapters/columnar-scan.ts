import { GranaryError } from '#core/kernel/index.ts';
import type { DecodePool, PendingDecode } from './decode-pool.ts';
import type { ScanColumn } from './scan-column.ts';
import { decodeTask } from './segment-reader.ts';
import { chunkTask, type ScanCounts, type WantedRowGroup } from './wanted-row-groups.ts';

/** The row groups of an asset that a query reads, in order, and their columns as they are decoded. */
export interface ColumnarScan {
  readonly rowGroupCount: number;
  rowCountOf(index: number): number;
  /** The columns of a row group; decodes or waits where it must. Errors: `SEGMENT_CORRUPT`, `CANCELLED`, … */
  columns(index: number, columnIndexes: readonly number[]): ScanColumn[];
}

/**
 * A scan that decodes row group after row group while the engine asks for them, and keeps none: for rows that are more
 * than the cache holds, and for queries that may stop after the first of them.
 */
export function openColumnarScan(
  pool: DecodePool,
  wanted: readonly WantedRowGroup[],
  counts: ScanCounts,
  isCancelled: () => boolean,
): ColumnarScan {
  /** Ordered from the threads, or decoded and not yet taken: two scans of one asset may both come by. */
  const pending = new Map<WantedRowGroup, Map<number, PendingDecode>>();

  /** Keeps the threads busy with what comes next, without getting far ahead of the reader. */
  const orderAhead = (index: number, columnIndexes: readonly number[]): void => {
    for (const group of wanted.slice(index, index + pool.capacity)) {
      const ordered = pending.get(group) ?? new Map<number, PendingDecode>();
      pending.set(group, ordered);
      for (const column of columnIndexes) {
        if (ordered.has(column)) continue;
        const decode = pool.order({ kind: 'chunk', chunk: chunkTask(group, column) });
        if (!decode) return;
        counts.bytesRead += group.chunks[column]!.byteCount;
        ordered.set(column, decode);
      }
    }
  };

  const decodeHere = (group: WantedRowGroup, column: number): ScanColumn => {
    if (isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
    const start = performance.now();
    const decoded = decodeTask(chunkTask(group, column));
    counts.bytesRead += group.chunks[column]!.byteCount;
    counts.decodeMilliseconds += performance.now() - start;
    return decoded;
  };

  return {
    rowGroupCount: wanted.length,
    rowCountOf: (index) => wanted[index]!.rowCount,
    columns(index, columnIndexes) {
      const group = wanted[index]!;
      pool.collect();
      orderAhead(index, columnIndexes);
      const ordered = pending.get(group);
      pending.delete(group);
      return columnIndexes.map((column) => {
        const decode = ordered?.get(column);
        const outcome = decode && pool.finish(decode, isCancelled);
        counts.decodeMilliseconds += outcome?.milliseconds ?? 0;
        return outcome?.column ?? decodeHere(group, column);
      });
    },
  };
}
