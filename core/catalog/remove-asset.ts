import { canonicalJson } from '#core/kernel/index.ts';
import type { AssetId } from '#core/kernel/index.ts';
import type { Commit } from '#core/platform/ports.ts';
import type { VersionRecord } from './asset-version.ts';
import type { AssetRecord } from './catalog-asset.ts';
import { requireAsset } from './create-asset.ts';
import { assetKey, assetNameKey, manifestKey, removedAssetKey } from './keys.ts';
import { type CatalogCore, transact } from './transact.ts';
import { assertUnchanged, changeTime, type UpdateOptions } from './update-asset.ts';

/**
 * Ends an asset with a last version that holds nothing. Its name becomes free; its rows belong to no asset any more and
 * go when the stores are cleaned; its journal, edges and audit entries stay. Errors: `ASSET_NOT_FOUND`,
 * `VERSION_CONFLICT`, those of the guard.
 */
export function removeAsset(core: CatalogCore, assetId: AssetId, options: UpdateOptions): Promise<void> {
  return transact(core, options, async (draft) => {
    const record = await requireAsset(core, assetId);
    assertUnchanged(record, options.expectedUpdatedAt);
    await core.guard?.mayChange(record);
    const version = record.version + 1;
    const operationId = await draft.replicate(record, 'asset-removed', { version });
    const at = endAsset(draft.commit.delete(assetNameKey(record.name)), record, operationId, draft.time.wall);
    draft.events.push({ kind: 'asset-removed', assetId, version, at });
    draft.auditEntries.push({ assetId, assetName: record.name, action: 'DELETE', detail: { version: record.version } });
  });
}

/** Adds the last version of an asset to a commit, all but the freeing of its name; returns the time of the version. */
export function endAsset(
  commit: Commit,
  record: AssetRecord,
  operationId: string | null,
  wall: number,
  { keepsRows = false }: { readonly keepsRows?: boolean | undefined } = {},
): number {
  const version = record.version + 1;
  const at = changeTime(record, wall);
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
  const ended: AssetRecord = { ...record, version, updatedAt: at, operationId, ...(keepsRows && { keepsRows }) };
  commit
    .delete(assetKey(record.id))
    .put(removedAssetKey(record.id), canonicalJson(ended))
    .put(manifestKey(record.id, version), canonicalJson(tombstone));
  return at;
}
