import { type AssetId, GranaryError, canonicalJson } from '#core/kernel/index.ts';
import { parseMaxError, schemaFromJson, withErrorBounds } from '#core/columnar/index.ts';
import type { DataAssetType, MaxErrors } from './asset.ts';
import { normaliseAssetName } from './asset-name.ts';
import { type AssetRecord, type CatalogAsset, toCatalogAsset } from './catalog-asset.ts';
import { assertNameIsFree, requireAsset } from './create-asset.ts';
import { checkDescription, normaliseTags } from './describe-asset.ts';
import { assetKey, assetNameKey } from './keys.ts';
import { type CatalogCore, type ChangeOptions, transact } from './transact.ts';

/** What to change; what is absent stays. */
export interface AssetChanges {
  readonly name?: string | undefined;
  readonly description?: string | null | undefined;
  readonly assetType?: DataAssetType | undefined;
  readonly tags?: readonly string[] | undefined;
  /** By column: null takes a bound away, columns that are absent keep theirs. It holds for rows that come from now on. */
  readonly maxErrors?: Readonly<Record<string, string | null>> | undefined;
}

export interface UpdateOptions extends ChangeOptions {
  /** The `updatedAt` that the caller has seen: when the asset has changed since, nothing is done. */
  readonly expectedUpdatedAt?: number | undefined;
}

/** The time of a change of an asset: later than the one before, so that it can stand for the state the caller has seen. */
export const changeTime = (record: AssetRecord, wall: number): number => Math.max(wall, record.updatedAt + 1);

/** Refuses a change of something that has changed since. Errors: `VERSION_CONFLICT`. */
export function assertUnchanged(record: AssetRecord, expectedUpdatedAt: number | undefined): void {
  if (expectedUpdatedAt === undefined || expectedUpdatedAt === record.updatedAt) return;
  throw new GranaryError(
    'VERSION_CONFLICT',
    `The asset ${JSON.stringify(record.name)} has been changed meanwhile. Read it again and repeat the change.`,
    { expectedUpdatedAt, updatedAt: record.updatedAt },
  );
}

/** What a record that was made before there were bounds has. */
const NOTHING: Readonly<Record<string, object | undefined>> = { maxErrors: {} };

/** The bounds after a change. Errors: `INPUT_INVALID` for a column that is not there or cannot have its bound. */
function mergedBounds(record: AssetRecord, changes: NonNullable<AssetChanges['maxErrors']>): MaxErrors {
  const merged = Object.entries({ ...record.maxErrors, ...changes });
  const bounds = Object.fromEntries(merged.flatMap(([column, bound]) => (bound === null ? [] : [[column, bound]])));
  for (const bound of Object.values(bounds)) parseMaxError(bound);
  if (record.version > 0) withErrorBounds(schemaFromJson(record.schema), bounds);
  return bounds;
}

/** Only what differs from the record, in normal form. Errors: `ASSET_NAME_INVALID`, `INPUT_INVALID`, `LIMIT_EXCEEDED`. */
function differences(record: AssetRecord, changes: AssetChanges) {
  const { name, description, assetType, tags, maxErrors } = changes;
  const wanted = {
    ...(name === undefined ? {} : { name: normaliseAssetName(name) }),
    ...(description === undefined ? {} : { description: checkDescription(description) }),
    ...(assetType === undefined ? {} : { assetType }),
    ...(tags === undefined ? {} : { tags: normaliseTags(tags) }),
    ...(maxErrors === undefined ? {} : { maxErrors: mergedBounds(record, maxErrors) }),
  };
  const entries = Object.entries(wanted).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(record[field as keyof AssetRecord] ?? NOTHING[field]),
  );
  return Object.fromEntries(entries) as typeof wanted;
}

/**
 * Changes what is said about an asset; its rows and versions stay. Nothing is stored when nothing differs. Errors:
 * `ASSET_NOT_FOUND`, `VERSION_CONFLICT`, `ASSET_NAME_INVALID`, `ASSET_EXISTS`, `INPUT_INVALID`, `LIMIT_EXCEEDED`, those
 * of the guard.
 */
export function updateAsset(
  core: CatalogCore,
  assetId: AssetId,
  changes: AssetChanges,
  options: UpdateOptions,
): Promise<CatalogAsset> {
  return transact(core, options, async (draft) => {
    const record = await requireAsset(core, assetId);
    assertUnchanged(record, options.expectedUpdatedAt);
    await core.guard?.mayChange(record);
    const changed = differences(record, changes);
    if (Object.keys(changed).length === 0) return toCatalogAsset(record);
    if (changed.name !== undefined) {
      await assertNameIsFree(core, changed.name);
      draft.commit.delete(assetNameKey(record.name)).put(assetNameKey(changed.name), canonicalJson(assetId));
    }
    const operationId = await draft.replicate(record, 'asset-changed', changed);
    const { origin } = record;
    const renamed = origin && changed.name !== undefined ? { origin: { ...origin, name: changed.name } } : {};
    const { maxErrors = {}, ...rest } = { ...record, ...changed, ...renamed };
    const bounds = Object.keys(maxErrors).length > 0 ? { maxErrors } : {};
    const next = { ...rest, ...bounds, updatedAt: changeTime(record, draft.time.wall), operationId };
    draft.commit.put(assetKey(assetId), canonicalJson(next));
    draft.events.push({ kind: 'asset-changed', asset: next });
    const detail = { change: Object.keys(changed).join(' ') };
    draft.auditEntries.push({ assetId, assetName: next.name, action: 'WRITE', detail });
    return toCatalogAsset(next);
  });
}
