import { type AssetId, canonicalJson } from '#core/kernel/index.ts';
import type { AssetSpace } from './asset.ts';
import { type AssetRecord, type CatalogAsset, toCatalogAsset } from './catalog-asset.ts';
import { requireAsset } from './create-asset.ts';
import { assetKey } from './keys.ts';
import { noteOwnSegments } from './remote-segments.ts';
import { type CatalogCore, type ChangeOptions, transact } from './transact.ts';
import { changeTime } from './update-asset.ts';

/**
 * Says that an asset belongs to a space from now on, or with null that it is of this node alone. Only the space that an
 * asset belongs to may change it from outside. Errors: `ASSET_NOT_FOUND`.
 */
export function setOrigin(
  core: CatalogCore,
  assetId: AssetId,
  space: AssetSpace | null,
  options: ChangeOptions,
): Promise<CatalogAsset> {
  return transact(core, options, async (draft) => {
    const { origin, ...record } = await requireAsset(core, assetId);
    if (origin?.space === space?.space && origin?.spaceName === space?.spaceName) {
      return toCatalogAsset({ ...record, origin });
    }
    const operationId = await draft.replicate(record, 'asset-changed', { origin: space && { ...space } });
    const next: AssetRecord = {
      ...record,
      ...(space ? { origin: { ...space, name: record.name } } : {}),
      updatedAt: changeTime(record, draft.time.wall),
      operationId,
    };
    const isShared = space && !origin && record.storageFormat !== 'EDGE';
    if (isShared) await noteOwnSegments(core.store, draft.commit, assetId);
    draft.commit.put(assetKey(assetId), canonicalJson(next));
    draft.events.push({ kind: 'asset-changed', asset: next });
    const detail = { change: 'space', space: space?.space ?? null };
    draft.auditEntries.push({ assetId, assetName: record.name, action: 'WRITE', detail });
    return toCatalogAsset(next);
  });
}
