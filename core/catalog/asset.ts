import type { Schema } from 'apache-arrow';
import type { AssetId, Uuid } from '#core/kernel/index.ts';

export const DATA_ASSET_TYPES = [
  'STRUCTURED',
  'SEMI_STRUCTURED',
  'UNSTRUCTURED',
  'TIME_SERIES',
  'GEOSPATIAL',
  'GRAPH',
] as const;
export type DataAssetType = (typeof DATA_ASSET_TYPES)[number];

export const STORAGE_FORMATS = ['POSTGRESQL', 'EDGE', 'WEBM_COLUMNAR'] as const;
export type StorageFormat = (typeof STORAGE_FORMATS)[number];

export type MaxErrors = Readonly<Record<string, string>>;

/** A named table of the lakehouse and what is known about it. */
export interface DataAsset {
  readonly id: AssetId;
  readonly name: string;
  readonly description: string | null;
  readonly assetType: DataAssetType;
  readonly storageFormat: StorageFormat;
  /** The columns at the current version; no fields before the first commit of rows. */
  readonly schema: Schema;
  readonly tags: readonly string[];
  /**
   * By column, how far a value that is stored from now on may be from the one that came in: `0.5`, or `1%` of itself.
   * Absent without any; kept by columns of WebM only.
   */
  readonly maxErrors?: MaxErrors | undefined;
  /** Milliseconds since the UNIX epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Number of the current version; 0 before the first commit of rows. */
  readonly version: number;
  readonly lineage: DataLineage;
  /** The space it belongs to; absent for an asset of this node alone. */
  readonly origin?: AssetOrigin | undefined;
}

/** A space that assets belong to. */
export interface AssetSpace {
  readonly space: Uuid;
  readonly spaceName: string;
}

/** Where an asset of a space comes from. */
export interface AssetOrigin extends AssetSpace {
  /** The name it has in the space. Here it has another one while an asset of this node has that name. */
  readonly name: string;
  /** Which version here shows what the space has; it says nothing once there is a newer one. */
  readonly head?: OriginHead | undefined;
}

/** A version here, and the operation of the space whose rows it has; null for no rows, as the space has no version. */
export interface OriginHead {
  readonly operationId: string | null;
  readonly version: number;
}

/** Where the current version came from; the edges themselves belong to the lineage slice. */
export interface DataLineage {
  /** Sources of the current version, as the ingestion named them. */
  readonly sources: readonly string[];
  /** How many edges lead to any version of the asset. */
  readonly edgeCount: number;
}
