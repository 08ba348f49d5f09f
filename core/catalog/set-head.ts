import { type AssetId, canonicalJson } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import type { OriginHead } from './asset.ts';
import { requireAsset } from './create-asset.ts';
import { assetKey } from './keys.ts';
import type { CatalogCore } from './transact.ts';

/**
 * Notes under which operation the space of an asset knows one of its versions. Nothing about the asset changes by it.
 * Nothing happens for an asset that is in no space. Errors: `ASSET_NOT_FOUND`.
 */
export function setHead(core: CatalogCore, assetId: AssetId, head: OriginHead): Promise<void> {
  return core.oneAtATime(async () => {
    const record = await requireAsset(core, assetId);
    if (!record.origin) return;
    const next = { ...record, origin: { ...record.origin, head } };
    await core.store.write(new Commit().put(assetKey(assetId), canonicalJson(next)), { sync: true });
  });
}
