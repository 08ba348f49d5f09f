import type { AssetId, Uuid } from '#core/kernel/index.ts';

/** What rows can come from. */
export const LINEAGE_SOURCE_KINDS = ['file', 'table', 'query', 'asset'] as const;
export type LineageSourceKind = (typeof LINEAGE_SOURCE_KINDS)[number];

/**
 * A version of an asset was made from this source. Declared here because an edge is stored in the commit of its version;
 * the lineage slice writes, reads and draws edges.
 */
export interface LineageEdge {
  readonly id: Uuid;
  readonly from: {
    readonly kind: LineageSourceKind;
    /** As the job named it: a file's name, a table, the text of a query, the name of an asset at that moment. */
    readonly name: string;
    /** Hash of the content, where it has one. */
    readonly contentHash?: string;
    /** The version that was read; with kind `asset`. */
    readonly assetId?: AssetId;
    readonly version?: number;
  };
  readonly to: {
    readonly assetId: AssetId;
    /** The name of the asset at that moment. */
    readonly name: string;
    readonly version: number;
  };
  /** The ingestion job that ran, if one did. */
  readonly job: Uuid | null;
  /** Rows that came this way. */
  readonly rowCount: number;
  /** Milliseconds since the UNIX epoch. */
  readonly at: number;
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;
}
