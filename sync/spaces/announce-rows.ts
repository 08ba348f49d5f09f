import type { Catalog, CatalogAsset } from '#core/catalog/index.ts';
import type { AbortOptions } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import type { SealedSegment } from '#sync/segments/index.ts';
import { filterUnannounced } from './announced-segments.ts';
import type { OpenSpace } from './open-space.ts';
import { readSeals, readToldSeals } from './sealed-index.ts';

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
  const travelling: SealedSegment[] = [];
  for (const segment of new Set(segments.map((ref) => ref.id))) {
    const place = { space: space.record.space, asset: id, segment };
    const told = await readToldSeals(store, place);
    // What is not here cannot be proved: then relays may find out which of them is one.
    travelling.push(...(told.length > 0 ? told : await readSeals(store, place)));
  }
  const unannounced = await filterUnannounced(store, space.record.space, travelling);
  if (unannounced.length > 0) await space.announce(unannounced);
  return unannounced.length;
}
