import type { MessagePort } from 'node:worker_threads';
import type { Schema } from 'apache-arrow';
import type { ColumnSummary, ScanRequest, StorageFormat } from '#core/catalog/index.ts';
import type { QueryExplanation } from '../ports.ts';
import type { WireError } from './wire-error.ts';

/** What the engine's thread is started with. */
export interface EngineThreadData {
  /** An existing folder; every instance spills into one of its own within it. */
  readonly temporaryFolder: string;
  readonly cacheByteCountMax: number;
  /** For each query. */
  readonly memoryByteCountMax: number;
  readonly threadCount: number;
}

/** To the engine's thread. Each piece of work has a channel of its own for everything that follows. */
export type EngineOrder =
  | {
      readonly kind: 'query';
      readonly sql: string;
      /** Set to 1 when the query is cancelled. */
      readonly cancelled: Int32Array;
      readonly port: MessagePort;
    }
  | {
      readonly kind: 'parquet';
      /** Arrow IPC stream without batches. */
      readonly schema: Uint8Array;
      readonly path: string;
      readonly port: MessagePort;
    }
  | { readonly kind: 'close' };

export interface SegmentDescription {
  readonly id: string;
  readonly path: string;
  readonly rowCount: number;
  readonly columns: readonly ColumnSummary[];
}

/** An asset as the engine's thread sees it. */
export interface AssetDescription {
  /** As the statement spells it; the view bears this name. */
  readonly viewName: string;
  readonly name: string;
  readonly storageFormat: StorageFormat;
  readonly schema: Schema;
  readonly rowCount: number;
  /** Empty when the rows are sent. */
  readonly segments: readonly SegmentDescription[];
  /** The node's side reads the rows and sends them. */
  readonly isSent: boolean;
}

/** The description with its schema as an Arrow IPC stream without batches. */
export type AssetMessage = Omit<AssetDescription, 'schema'> & { readonly schema: Uint8Array };

/** From the node's side to the work. */
export type ToWork =
  | { readonly kind: 'assets'; readonly assets: readonly AssetMessage[] }
  | { readonly kind: 'tables'; readonly names: readonly string[] }
  /** Rows of the asset with this index, as an Arrow IPC stream. */
  | { readonly kind: 'rows'; readonly asset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'rows end'; readonly asset: number }
  /** One more batch may be sent. */
  | { readonly kind: 'credit' }
  | { readonly kind: 'cancel' };

/** From the work to the node's side. */
export type FromWork =
  /** The names that must be resolved; `listTables` asks for all names. */
  | { readonly kind: 'names'; readonly names: readonly string[]; readonly listTables: boolean }
  /** Rows that are to be sent, one request an asset. */
  | { readonly kind: 'load'; readonly loads: readonly { readonly asset: number; readonly request: ScanRequest }[] }
  /** A batch of rows was stored; another may follow. */
  | { readonly kind: 'stored' }
  | { readonly kind: 'schema'; readonly bytes: Uint8Array }
  | { readonly kind: 'batch'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly explanation: QueryExplanation }
  /** A Parquet file was written: bytes of each column in it. */
  | { readonly kind: 'written'; readonly columnByteCounts: readonly number[] }
  | { readonly kind: 'error'; readonly error: WireError };

/** Batches of rows on their way to the engine, or results on their way from it, that nobody has taken yet. */
export const BATCHES_IN_FLIGHT_MAX = 4;
