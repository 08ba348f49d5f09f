import type { CatalogAsset } from '#core/catalog/index.ts';
import { type AbortOptions, type AssetId, canonicalJson, readRecord, type Uuid } from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { SHARED_ASSETS, sharedAssetKey, wantedKey } from './space-keys.ts';

/** What members get of an asset by themselves: what is known about it, or its rows too. */
export const SUBSCRIPTIONS = ['metadata', 'data'] as const;
export type Subscription = (typeof SUBSCRIPTIONS)[number];

/** The field of an asset's document that says what members get of it by themselves. */
export const SUBSCRIBE_FIELD = 'granary.subscribe';

/** The fields of an asset that the catalog and the documents of spaces both have. */
export type SharedFields = Pick<
  CatalogAsset,
  'name' | 'description' | 'assetType' | 'storageFormat' | 'tags' | 'maxErrors'
>;

/** An asset of this node that is in a space. An asset is in one space at most. */
export interface SharedAsset {
  readonly asset: AssetId;
  readonly space: Uuid;
  /**
   * The catalog's fields when the space last had them: what differs from these was changed here, whatever others have
   * changed meanwhile. Undefined until the space was told for the first time.
   */
  readonly told: SharedFields | undefined;
  /** What the person who shared it proposes to other members; stands in the document from the first telling on. */
  readonly subscribe?: Subscription | undefined;
}

export const putSharedAsset = (commit: Commit, shared: SharedAsset): Commit =>
  commit.put(sharedAssetKey(shared.asset), canonicalJson(shared));

/** Undefined for an asset that is this node's alone. Errors: `JOURNAL_CORRUPT`. */
export async function readSharedAsset(store: KeyValueStore, asset: string): Promise<SharedAsset | undefined> {
  const key = sharedAssetKey(asset);
  const bytes = await store.get(key);
  return bytes && readRecord<SharedAsset>(key, bytes);
}

/** In the order of `assets`. Errors: `JOURNAL_CORRUPT`. */
export async function readSharesOf(
  store: KeyValueStore,
  assets: readonly string[],
): Promise<(SharedAsset | undefined)[]> {
  const keys = assets.map(sharedAssetKey);
  const found = await store.getMany(keys);
  return found.map((bytes, i) => bytes && readRecord<SharedAsset>(keys[i]!, bytes));
}

export async function readSharedAssets(store: KeyValueStore, options?: AbortOptions): Promise<SharedAsset[]> {
  const shared: SharedAsset[] = [];
  for await (const [key, bytes] of store.entries(prefixRange(SHARED_ASSETS), options)) {
    shared.push(readRecord(key, bytes));
  }
  return shared;
}

/** What a person asked for on this node: rows here, or only what is known about them; undefined follows the space. */
export async function readWanted(store: KeyValueStore, asset: AssetId): Promise<Subscription | undefined> {
  const key = wantedKey(asset);
  const bytes = await store.get(key);
  return bytes && readRecord<Subscription>(key, bytes);
}

export const putWanted = (commit: Commit, asset: AssetId, wanted: Subscription): Commit =>
  commit.put(wantedKey(asset), canonicalJson(wanted));

export const sharedFieldsOf = ({
  description,
  assetType,
  storageFormat,
  tags,
  maxErrors,
  name,
  origin,
}: CatalogAsset) => ({
  // In the space the asset has its own name, also where another asset of this node has it.
  name: origin?.name ?? name,
  description,
  assetType,
  storageFormat,
  tags,
  maxErrors,
});
