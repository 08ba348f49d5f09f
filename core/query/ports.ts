import type { RecordBatch, Schema } from 'apache-arrow';
import type { ScanRequest, SegmentRef, StorageFormat } from '#core/catalog/index.ts';
import type { AbortOptions, AssetId, ReportProgress } from '#core/kernel/index.ts';

/** An asset at one version, ready to be scanned. */
export interface QueryableAsset {
  readonly id: AssetId;
  readonly name: string;
  readonly version: number;
  readonly storageFormat: StorageFormat;
  readonly schema: Schema;
  readonly segments: readonly SegmentRef[];
  /** Path of a segment file, when the engine may read and decode the file itself (WEBM_COLUMNAR). */
  readonly segmentPath?: (segmentId: string) => string;
  /** Rows of any format, read by the store that owns them. */
  scan(request: ScanRequest, options?: AbortOptions): AsyncIterable<RecordBatch>;
}

/** Which version a query sees: the current one unless a number or a time (ms since the epoch) is given. */
export type AsOf = { readonly version: number } | { readonly time: number };

/** The assets a query may name. */
export interface AssetResolver {
  /** Undefined when no asset has this name (names are compared exactly first, then without regard to case). */
  resolve(name: string, asOf?: AsOf): Promise<QueryableAsset | undefined>;
  /** Names in order, for SHOW TABLES. */
  names(): Promise<readonly string[]>;
}

export interface QueryRequest {
  readonly sql: string;
  readonly asOf?: AsOf | undefined;
}

/** What a query did, for `--explain`. Times in milliseconds. */
export interface QueryExplanation {
  readonly scans: readonly {
    readonly asset: string;
    readonly storageFormat: StorageFormat;
    readonly columnsDecoded: readonly string[];
    readonly filters: readonly string[];
    readonly rowGroups: number;
    readonly rowGroupsSkipped: number;
    readonly bytesRead: number;
    /** Chunks served from the cache of decoded columns. */
    readonly chunksCached: number;
    /** Which decoder read the frames. */
    readonly decoder: string;
  }[];
  readonly stages: readonly { readonly stage: string; readonly milliseconds: number }[];
  /** The engine's own plan, as text. */
  readonly plan: string;
}

/** A running query: the schema is known, the rows follow. Must be read to its end or closed. */
export interface QueryResult extends AsyncDisposable {
  readonly schema: Schema;
  /** The assets and versions the query read. */
  readonly assets: readonly { readonly id: AssetId; readonly name: string; readonly version: number }[];
  readonly batches: AsyncIterable<RecordBatch>;
  /** Complete once `batches` has ended. */
  explanation(): QueryExplanation;
}

/** An engine that runs SQL over assets; DuckDB today. Errors: `SQL_INVALID`, `SQL_FORBIDDEN`, `QUERY_FAILED`, … */
export interface QueryEngine extends AsyncDisposable {
  run(
    request: QueryRequest,
    resolver: AssetResolver,
    options?: AbortOptions & { readonly report?: ReportProgress },
  ): Promise<QueryResult>;
}
