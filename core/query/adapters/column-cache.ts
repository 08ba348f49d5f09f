import type { ScanColumn } from './scan-column.ts';

/** Decoded columns that later queries may find again, the longest unused of them dropped first. */
export interface ColumnCache {
  get(key: string): ScanColumn | undefined;
  /** A column larger than the whole cache is not kept. */
  put(key: string, column: ScanColumn): void;
}

/** Keeps at most `byteCountMax` bytes of columns. */
export function createColumnCache(byteCountMax: number): ColumnCache {
  const columns = new Map<string, ScanColumn>();
  let byteCount = 0;
  return {
    get(key) {
      const column = columns.get(key);
      if (!column) return undefined;
      columns.delete(key);
      columns.set(key, column);
      return column;
    },
    put(key, column) {
      if (columns.has(key) || column.byteCount > byteCountMax) return;
      columns.set(key, column);
      byteCount += column.byteCount;
      for (const [oldest, { byteCount: size }] of columns) {
        if (byteCount <= byteCountMax) break;
        columns.delete(oldest);
        byteCount -= size;
      }
    },
  };
}
