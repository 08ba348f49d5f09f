import { type AssetId, GranaryError, uuidv7, canonicalJson } from '#core/kernel/index.ts';
import type { DataAssetType, MaxErrors, StorageFormat } from './asset.ts';
import { normaliseAssetName } from './asset-name.ts';
import { type AssetRecord, type CatalogAsset, toCatalogAsset } from './catalog-asset.ts';
import { checkDescription, normaliseTags } from './describe-asset.ts';
import { assetKey, assetNameKey } from './keys.ts';
import { readAsset, readAssetId } from './read-catalog.ts';
import { type CatalogCore, type ChangeOptions, type Draft, transact } from './transact.ts';

/** What a new asset starts with. */
export interface NewAsset {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly assetType: DataAssetType;
  readonly storageFormat: StorageFormat;
  readonly tags?: readonly string[] | undefined;
  /** As an asset has them; checked against the columns by whoever knows them. */
  readonly maxErrors?: MaxErrors | undefined;
}

/** Refuses a name that another asset has. Errors: `ASSET_EXISTS`. */
export async function assertNameIsFree(core: CatalogCore, name: string): Promise<void> {
  if ((await readAssetId(core.store, name)) === undefined) return;
  throw new GranaryError('ASSET_EXISTS', `There is an asset ${JSON.stringify(name)} already. Choose another name.`, {
    name,
  });
}

/**
 * Adds the creation of an asset to a draft, all but its event and its record, which the caller completes. Errors:
 * `ASSET_NAME_INVALID`, `ASSET_EXISTS`, `INPUT_INVALID`, `LIMIT_EXCEEDED`.
 */
export async function draftAsset(core: CatalogCore, draft: Draft, id: AssetId, input: NewAsset): Promise<AssetRecord> {
  const name = normaliseAssetName(input.name);
  const { assetType, storageFormat } = input;
  const description = checkDescription(input.description ?? null);
  const tags = normaliseTags(input.tags ?? []);
  await assertNameIsFree(core, name);
  const { maxErrors = {} } = input;
  const bounds = Object.keys(maxErrors).length > 0 ? { maxErrors } : {};
  const facts = { name, description, assetType, storageFormat, tags, ...bounds };
  const operationId = await draft.replicate({ id, operationId: null }, 'asset-created', facts);
  draft.commit.put(assetNameKey(name), canonicalJson(id));
  return withoutRows({ id, ...facts, operationId }, draft.time.wall);
}

/** An asset as it starts, made at `at`. */
export const withoutRows = (
  facts: Pick<
    AssetRecord,
    'id' | 'name' | 'description' | 'assetType' | 'storageFormat' | 'tags' | 'maxErrors' | 'operationId'
  >,
  at: number,
): AssetRecord => ({
  ...facts,
  createdAt: at,
  updatedAt: at,
  version: 0,
  schema: { fields: [] },
  schemaVersion: 0,
  sources: [],
  edgeCount: 0,
  rowCount: 0,
  byteCount: 0,
  segmentCount: 0,
  quarantinedCount: 0,
});

/** Creates an asset without rows. Errors: `ASSET_NAME_INVALID`, `ASSET_EXISTS`, `INPUT_INVALID`, `LIMIT_EXCEEDED`. */
export function createAsset(core: CatalogCore, input: NewAsset, options: ChangeOptions): Promise<CatalogAsset> {
  return transact(core, options, async (draft) => {
    const record = await draftAsset(core, draft, uuidv7<AssetId>(core), input);
    draft.commit.put(assetKey(record.id), canonicalJson(record));
    draft.events.push({ kind: 'asset-created', asset: record });
    draft.auditEntries.push({
      assetId: record.id,
      assetName: record.name,
      action: 'WRITE',
      detail: { change: 'create' },
    });
    return toCatalogAsset(record);
  });
}

/** The asset that is to be changed. Errors: `ASSET_NOT_FOUND`. */
export async function requireAsset(core: CatalogCore, assetId: AssetId): Promise<AssetRecord> {
  const record = await readAsset(core.store, assetId);
  if (record) return record;
  throw new GranaryError('ASSET_NOT_FOUND', `There is no asset with the id ${assetId}. It may have been removed.`, {
    assetId,
  });
}
