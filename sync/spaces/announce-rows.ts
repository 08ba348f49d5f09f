import type { Catalog, CatalogAsset } from '#core/catalog/index.ts';
import type { AbortOptions } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { filterUnannounced } from './announced-segments.ts';
import type { OpenSpace } from './open-space.ts';
import { readSeal } from './sealed-index.ts';

/**
 * Tells relays of rows that members get by themselves: the segments of the current version that nobody has announced in the
 * space. Returns how many those are. Errors: `FORBIDDEN`, `LOG_FORKED`.
 */
export async function announceRows(
  { store, catalog }: { readonly store: KeyValueStore; readonly catalog: Catalog },
  space: OpenSpace,
  { id, storageFormat, version }: CatalogAsset,
  options: AbortOptions,
): Promise<number> {
  if (storageFormat === 'EDGE' || version === 0) return 0;
  const segments = await catalog.getManifest(id, version, options);
  const seals = await Promise.all(segments.map(({ id: segment }) => readSeal(store, segment)));
  const travelling = seals.flatMap((seal) => (seal?.spaces.includes(space.record.space) ? [seal.segment] : []));
  const unannounced = await filterUnannounced(store, space.record.space, travelling);
  if (unannounced.length > 0) await space.announce(unannounced);
  return unannounced.length;
}
