import type { AssetVersion, Catalog, CatalogAsset, SegmentRef } from '#core/catalog/index.ts';
import { schemaToJson } from '#core/columnar/index.ts';
import {
  type AbortOptions,
  type AssetId,
  canonicalJson,
  equalBytes,
  type SegmentHash,
  type Uuid,
} from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import type { AssetProjection, VersionInput } from '#sync/documents/index.ts';
import type { SealedSegment } from '#sync/segments/index.ts';
import { sealIn } from './sealed-index.ts';

export interface VersionDeps {
  readonly store: KeyValueStore;
  readonly catalog: Catalog;
  /** Chooses the key and the name under which a segment of this node travels. */
  readonly recordSegment: (segment: SegmentHash, options: AbortOptions) => Promise<SealedSegment>;
}

/** What a version continues, and which of that it changes; a version that changes none is told as a whole. */
export type VersionPast = Pick<VersionInput, 'base' | 'parents'>;

/** Local versions that no operation carries, in order. Of an asset that is new in the space, the present one alone. */
export function untoldVersions({ version, origin, storageFormat }: CatalogAsset): number[] {
  // Rows of EDGE assets lie in the store of this node and do not travel.
  if (version === 0 || storageFormat === 'EDGE') return [];
  const told = origin?.head?.version;
  if (told === undefined) return [version];
  return Array.from({ length: version - told }, (_, i) => told + 1 + i);
}

/** What the space is to be told of a version of the catalog. */
export async function versionInput(
  deps: VersionDeps,
  space: Uuid,
  id: AssetId,
  number: number,
  { base, parents }: VersionPast,
  options: AbortOptions,
): Promise<VersionInput> {
  const { catalog } = deps;
  const version = await catalog.resolveAsOf(id, { version: number });
  const change = base
    ? await catalog.getChange(id, number)
    : { added: await catalog.getManifest(id, number, options), removed: [] };
  const added = change.added.map(withoutMark);
  return {
    parents,
    base,
    schema: !base || (await hasNewSchema(catalog, id, version)) ? schemaToJson(version.schema) : null,
    kind: base ? version.kind : 'replace',
    createdAt: version.createdAt,
    rowCount: version.rowCount,
    byteCount: version.byteCount,
    sources: version.sources,
    added,
    removed: change.removed,
    sealed: await sealsOf(deps, space, id, added, options),
  };
}

/** How segments are sealed. Those that never travelled get their keys and names now. */
async function sealsOf(
  { store, recordSegment }: VersionDeps,
  space: Uuid,
  asset: AssetId,
  segments: readonly SegmentRef[],
  options: AbortOptions,
): Promise<SealedSegment[]> {
  const seals = new Commit();
  const sealed = new Map<string, SealedSegment>();
  for (const { id } of segments) {
    if (sealed.has(id)) continue;
    const place = { space, asset, segment: id };
    sealed.set(id, await sealIn(store, seals, place, () => recordSegment(id as SegmentHash, options)));
  }
  // Before anybody hears of the names: under the same name there must never be other bytes.
  if (seals.writes.length > 0) await store.write(seals, { sync: true });
  return [...sealed.values()];
}

const withoutMark = ({ id, rowCount, byteCount, columns }: SegmentRef): SegmentRef => ({
  id,
  rowCount,
  byteCount,
  columns,
});

async function hasNewSchema(
  catalog: Catalog,
  id: AssetId,
  version: AssetVersion & { schema: unknown },
): Promise<boolean> {
  if (version.parentVersion === 0) return true;
  const before = await catalog.resolveAsOf(id, { version: version.parentVersion });
  const after = await catalog.resolveAsOf(id, { version: version.version });
  return !equalBytes(canonicalJson(schemaToJson(before.schema)), canonicalJson(schemaToJson(after.schema)));
}

/** The version as this device has told it already, before it was stopped. */
export function findTold(
  self: string,
  { versions }: Pick<AssetProjection, 'versions'>,
  { base, createdAt, added }: Pick<VersionInput, 'base' | 'createdAt' | 'added'>,
): string | undefined {
  for (const version of versions.values()) {
    const isIt =
      version.author === self &&
      version.base === base &&
      version.createdAt === createdAt &&
      version.added.length === added.length &&
      version.added.every(({ id }, i) => id === added[i]!.id);
    if (isIt) return version.id;
  }
  return undefined;
}
