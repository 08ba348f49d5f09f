import type { Schema } from 'apache-arrow';
import type { AssetId } from '#core/kernel/index.ts';

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
}

/** Where the current version came from; the edges themselves belong to the lineage slice. */
export interface DataLineage {
  /** Sources of the current version, as the ingestion named them. */
  readonly sources: readonly string[];
  /** How many edges lead to any version of the asset. */
  readonly edgeCount: number;
}
