import type { AbortOptions } from '#core/kernel/index.ts';
import type { Catalog } from './catalog.ts';
import type { CatalogAsset } from './catalog-asset.ts';
import type { SegmentRef } from './ports.ts';

/** The segments of all versions of an asset, each once. */
export async function allSegments(
  catalog: Pick<Catalog, 'listVersions' | 'getManifest'>,
  asset: CatalogAsset,
  options: AbortOptions = {},
): Promise<SegmentRef[]> {
  const byId = new Map<string, SegmentRef>();
  // A version names every segment of the one before, but for those it has removed; the last one of an asset names none.
  let readNext = true;
  for (const { version, segmentsRemoved, kind } of await catalog.listVersions(asset.id, { limit: asset.version })) {
    if (readNext) {
      for (const segment of await catalog.getManifest(asset.id, version, options)) byId.set(segment.id, segment);
    }
    readNext = segmentsRemoved > 0 || kind === 'remove';
  }
  return [...byId.values()];
}
