import type { SchemaJson } from '#core/columnar/index.ts';
import type { SegmentRef } from './ports.ts';

/** What made a version: rows came to those that were there; segments were taken out; the asset was removed. */
export const VERSION_KINDS = ['append', 'replace', 'remove'] as const;
export type VersionKind = (typeof VERSION_KINDS)[number];

/** Where rows of a version came from. */
export interface VersionSource {
  /** As the job named it: a file's name, a table. */
  readonly name: string;
  readonly kind: string;
  /** Hash of the content, by which it is recognised when it comes again; null for what has no fixed content. */
  readonly contentHash: string | null;
  readonly rowCount: number;
}

/** A state of an asset that never changes. Counts are of the whole version unless they say otherwise. */
export interface AssetVersion {
  /** 1 for the first; 0 stands for an asset without rows and is not stored. */
  readonly version: number;
  readonly parentVersion: number;
  readonly kind: VersionKind;
  /** Milliseconds since the UNIX epoch; later for each version of an asset. */
  readonly createdAt: number;
  readonly rowCount: number;
  readonly byteCount: number;
  readonly segmentCount: number;
  readonly segmentsAdded: number;
  readonly segmentsRemoved: number;
  readonly rowsAdded: number;
  /** Rows this version set aside. */
  readonly quarantinedCount: number;
  readonly sources: readonly VersionSource[];
  /** Id of the signed operation that carries the version; null for version 0. */
  readonly operationId: string | null;
}

/** A version as it is stored: what it changed, and where its schema and all of its segments are found. */
export interface VersionRecord extends Omit<AssetVersion, 'segmentsAdded' | 'segmentsRemoved' | 'rowsAdded'> {
  /** In the order of the rows; they follow those of the parent. */
  readonly added: readonly SegmentRef[];
  /** Ids of segments of the parent; one that stands there twice is removed once for each mention. */
  readonly removed: readonly string[];
  /** The schema, when it is not that of the parent. */
  readonly schema?: SchemaJson;
  /** The version at or before this one whose record holds the schema. */
  readonly schemaVersion: number;
  /** The version at or before this one of which a checkpoint is stored; 0 for none. */
  readonly checkpointVersion: number;
  /** What a reader goes through after that checkpoint to reach this version, see `manifest.ts`. */
  readonly deltaWeight: number;
}

export function toAssetVersion(record: VersionRecord): AssetVersion {
  const {
    added,
    removed,
    schema: _,
    schemaVersion: __,
    checkpointVersion: ___,
    deltaWeight: ____,
    ...version
  } = record;
  let rowsAdded = 0;
  for (const { rowCount } of added) rowsAdded += rowCount;
  return { ...version, segmentsAdded: added.length, segmentsRemoved: removed.length, rowsAdded };
}
