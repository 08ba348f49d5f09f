import { canonicalJson } from '#core/kernel/index.ts';
import type { AssetId } from '#core/kernel/index.ts';
import type { VersionRecord } from './asset-version.ts';
import { requireAsset } from './create-asset.ts';
import { assetKey, assetNameKey, manifestKey, removedAssetKey } from './keys.ts';
import { type CatalogCore, transact } from './transact.ts';
import { assertUnchanged, changeTime, type UpdateOptions } from './update-asset.ts';

/**
 * Ends an asset with a last version that holds nothing. Its name becomes free; its rows belong to no asset any more and
 * go when the stores are cleaned; its journal, edges and audit entries stay. Errors: `ASSET_NOT_FOUND`,
 * `VERSION_CONFLICT`.
 */
export function removeAsset(core: CatalogCore, assetId: AssetId, options: UpdateOptions): Promise<void> {
  return transact(core, options, async (draft) => {
    const record = await requireAsset(core, assetId);
    assertUnchanged(record, options.expectedUpdatedAt);
    const version = record.version + 1;
    const at = changeTime(record, draft.time.wall);
    const operationId = await draft.replicate(record, 'asset-removed', { version });
    const tombstone: VersionRecord = {
      version,
      parentVersion: record.version,
      kind: 'remove',
      createdAt: at,
      rowCount: 0,
      byteCount: 0,
      segmentCount: 0,
      quarantinedCount: 0,
      sources: [],
      operationId,
      added: [],
      removed: [],
      schemaVersion: record.schemaVersion,
      checkpointVersion: version,
      deltaWeight: 0,
    };
    draft.commit
      .delete(assetNameKey(record.name))
      .delete(assetKey(assetId))
      .put(removedAssetKey(assetId), canonicalJson({ ...record, version, updatedAt: at, operationId }))
      .put(manifestKey(assetId, version), canonicalJson(tombstone));
    draft.events.push({ kind: 'asset-removed', assetId, version, at });
    draft.auditEntries.push({ assetId, assetName: record.name, action: 'DELETE', detail: { version: record.version } });
  });
}
