import type { OperationContext } from '#core/kernel/index.ts';
import { allSegments } from './all-segments.ts';
import type { CatalogOperationsDeps, VerifyOutput } from './operations.ts';

/** Faults that one answer lists; more of them say nothing more. */
export const VERIFY_FAULTS_MAX = 1000;

/**
 * Reads every stored byte of the current version, and of the older ones where they name other segments, and lists what
 * does not match. Segments that have not come to this node are counted and are no fault. Errors: `ASSET_NOT_FOUND`.
 */
export async function verifyAssets(
  { catalog, stores }: CatalogOperationsDeps,
  name: string | undefined,
  { signal, report }: OperationContext,
): Promise<VerifyOutput> {
  const assets =
    name === undefined ? (await catalog.listAssets({}, { signal })).assets : [await catalog.getAsset(name)];
  const faults: VerifyOutput['faults'] = [];
  let segmentCount = 0;
  let remoteCount = 0;
  for (const asset of assets) {
    const named = await allSegments(catalog, asset, { signal });
    const segments = named.filter(({ remote }) => !remote);
    segmentCount += segments.length;
    remoteCount += named.length - segments.length;
    const target = { assetId: asset.id, assetName: asset.name, schema: asset.schema };
    for await (const fault of stores[asset.storageFormat].verify(target, segments, { signal, report })) {
      if (faults.length === VERIFY_FAULTS_MAX) break;
      const { segmentId, code, column = null, rowGroup = null, message } = fault;
      faults.push({ asset: asset.name, segmentId, code, column, rowGroup, message });
    }
  }
  return { assetCount: assets.length, segmentCount, remoteCount, faults };
}
