import type { RecordBatch, Schema } from 'apache-arrow';
import type { AbortOptions, AssetId, ReportProgress } from '#core/kernel/index.ts';
import type { Commit } from '#core/platform/ports.ts';
import type { StorageFormat } from './asset.ts';

/** A value as statistics carry it: JSON-safe, integers over 2^53 and decimals as decimal text. */
export type StatisticsValue = string | number | boolean | null;

/** What is known of one column of one segment without reading it. Bounds are absent when they are not known. */
export interface ColumnSummary {
  readonly min?: StatisticsValue;
  readonly max?: StatisticsValue;
  readonly nullCount: number;
}

/**
 * A piece of a version: immutable rows under a name that no other rows ever get. For WEBM_COLUMNAR and POSTGRESQL the
 * id is the BLAKE3 hash of the segment file; for EDGE it is the key of a run of rows in the key-value store.
 */
export interface SegmentRef {
  readonly id: string;
  readonly rowCount: number;
  readonly byteCount: number;
  /** One per column, in the order of the schema. */
  readonly columns: readonly ColumnSummary[];
  /** The segment has not come to this node: what is said of it is another node's word. */
  readonly remote?: true;
}

/** `column <op> value`, known to hold for every row the caller needs; rows it excludes may be left out or not. */
export type ScanFilter =
  | { readonly column: string; readonly op: '=' | '<' | '<=' | '>' | '>='; readonly value: StatisticsValue }
  | { readonly column: string; readonly op: 'in'; readonly values: readonly StatisticsValue[] }
  | { readonly column: string; readonly op: 'is null' | 'is not null' };

export interface ScanRequest {
  /** Columns to read, in the order wanted; an empty list asks for row counts only. */
  readonly columns: readonly string[];
  readonly filters: readonly ScanFilter[];
}

/** Rows of one asset that are being stored. */
export interface WriteTarget {
  readonly assetId: AssetId;
  readonly assetName: string;
  readonly schema: Schema;
}

export interface WriteOptions extends AbortOptions {
  readonly report?: ReportProgress;
}

/** A fault that verification found. */
export interface SegmentFault {
  readonly segmentId: string;
  readonly code: 'SEGMENT_MISSING' | 'SEGMENT_CORRUPT';
  readonly column?: string;
  /** Index of the row group within the segment. */
  readonly rowGroup?: number;
  readonly message: string;
}

/**
 * Where the rows of one storage format live. Rows are durable once `write` has yielded their reference, and belong to
 * nothing until a commit of the catalog names it; what no manifest names is removed at the next start.
 */
export interface RowStore {
  readonly format: StorageFormat;
  write(target: WriteTarget, batches: AsyncIterable<RecordBatch>, options?: WriteOptions): AsyncIterable<SegmentRef>;
  /** Yields the rows of the segments, in order. Errors: `SEGMENT_MISSING`, `SEGMENT_CORRUPT`. */
  scan(
    target: WriteTarget,
    segments: readonly SegmentRef[],
    request: ScanRequest,
    options?: AbortOptions,
  ): AsyncIterable<RecordBatch>;
  /** Re-reads every byte of the segments and yields what does not match. */
  verify(target: WriteTarget, segments: readonly SegmentRef[], options?: WriteOptions): AsyncIterable<SegmentFault>;
  /** Removes stored rows that `isReferenced` does not know; returns how many segments went. */
  removeUnreferenced(isReferenced: (segmentId: string) => boolean): Promise<number>;
}

/**
 * The signed log of this device, which is what other nodes receive. `append` signs `body` as the next operation and adds it
 * to `commit`; the log has grown once that commit is written, and an operation whose commit never is leaves no trace. The
 * catalog appends to one commit at a time. Implemented by `sync/log`.
 */
export interface OperationLog {
  append(body: Uint8Array, commit: Commit): Promise<{ readonly operationId: string }>;
}
