import {
  type AbortOptions,
  type AssetId,
  GranaryError,
  isUuid,
  throwIfAborted,
  readRecord,
} from '#core/kernel/index.ts';
import { type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import type { DataAssetType } from './asset.ts';
import type { VersionRecord } from './asset-version.ts';
import { type AssetRecord, type CatalogAsset, toCatalogAsset } from './catalog-asset.ts';
import { ASSET_NAMES, ASSETS, assetKey, assetNameKey, manifestKey } from './keys.ts';

/** Which assets to list. */
export interface AssetQuery {
  /** Assets of any of these types; of all when absent or empty. */
  readonly types?: readonly DataAssetType[] | undefined;
  /** Assets that carry every one of these tags. */
  readonly tags?: readonly string[] | undefined;
  /** At most this many; all when absent. */
  readonly limit?: number | undefined;
  /** How many to leave out at the start. */
  readonly offset?: number | undefined;
}

export interface AssetList {
  /** In order of their names, by UTF-16 code units. */
  readonly assets: readonly CatalogAsset[];
  /** How many there are without `limit` and `offset`. */
  readonly totalCount: number;
}

export const assetNotFound = (name: string) =>
  new GranaryError(
    'ASSET_NOT_FOUND',
    `There is no asset ${JSON.stringify(name)}. List the assets to see their names.`,
    {
      name,
    },
  );

/** The stored asset; undefined when there is none, or when it was removed. */
export async function readAsset(store: KeyValueStore, assetId: string): Promise<AssetRecord | undefined> {
  const key = assetKey(assetId);
  const bytes = await store.get(key);
  return bytes && readRecord<AssetRecord>(key, bytes);
}

/** Those of the assets that are stored and not removed. */
export async function readAssets(store: KeyValueStore, assetIds: readonly string[]): Promise<AssetRecord[]> {
  const keys = assetIds.map(assetKey);
  const found = await store.getMany(keys);
  return found.flatMap((bytes, i) => (bytes ? [readRecord<AssetRecord>(keys[i]!, bytes)] : []));
}

/** The id of the asset of exactly this name, once the name is in normal form. */
export async function readAssetId(store: KeyValueStore, name: string): Promise<AssetId | undefined> {
  if (!name.isWellFormed()) return undefined;
  const key = assetNameKey(name.normalize('NFC'));
  const bytes = await store.get(key);
  return bytes && readRecord<AssetId>(key, bytes);
}

/** Finds an asset by its id, else by its name: an asset that is called like the id of another must not stand for it. */
export async function readAssetByName(store: KeyValueStore, nameOrId: string): Promise<AssetRecord | undefined> {
  const byId = isUuid(nameOrId) ? await readAsset(store, nameOrId) : undefined;
  if (byId) return byId;
  const assetId = await readAssetId(store, nameOrId);
  return assetId === undefined ? undefined : readAsset(store, assetId);
}

/** The names of all assets in order of their UTF-16 code units. */
export async function readAssetNames(store: KeyValueStore, options?: AbortOptions): Promise<string[]> {
  const names: string[] = [];
  for await (const [key] of store.entries(prefixRange(ASSET_NAMES), options)) {
    names.push(decodeURIComponent(key.slice(ASSET_NAMES.length)));
  }
  return names.sort();
}

/** One scan of the assets; manifests are not touched. */
export async function listAssets(
  store: KeyValueStore,
  { types = [], tags = [], limit, offset = 0 }: AssetQuery,
  options: AbortOptions = {},
): Promise<AssetList> {
  if (types.length === 0 && tags.length === 0 && limit !== undefined) return listPage(store, offset, limit, options);
  const wantedTypes = new Set<string>(types);
  const wantedTags = tags.map((tag) => tag.normalize('NFC').trim());
  const found: AssetRecord[] = [];
  for await (const [key, bytes] of store.entries(prefixRange(ASSETS), options)) {
    const record = readRecord<AssetRecord>(key, bytes);
    if (wantedTypes.size > 0 && !wantedTypes.has(record.assetType)) continue;
    if (!wantedTags.every((tag) => record.tags.includes(tag))) continue;
    found.push(record);
  }
  throwIfAborted(options.signal);
  found.sort((left, right) => (left.name < right.name ? -1 : 1));
  const assets = found.slice(offset, limit === undefined ? undefined : offset + limit).map(toCatalogAsset);
  return { assets, totalCount: found.length };
}

/** Some of all assets: the names say which, so that no others need to be read. */
async function listPage(
  store: KeyValueStore,
  offset: number,
  limit: number,
  options: AbortOptions,
): Promise<AssetList> {
  const names = await readAssetNames(store, options);
  throwIfAborted(options.signal);
  const keys = names.slice(offset, offset + limit).map(assetNameKey);
  const found = await store.getMany(keys);
  const ids = found.flatMap((bytes, i) => (bytes ? [readRecord<AssetId>(keys[i]!, bytes)] : []));
  return { assets: (await readAssets(store, ids)).map(toCatalogAsset), totalCount: names.length };
}

/** The stored version; undefined when there is none. */
export async function readVersion(
  store: KeyValueStore,
  assetId: string,
  version: number,
): Promise<VersionRecord | undefined> {
  const key = manifestKey(assetId, version);
  const bytes = await store.get(key);
  return bytes && readRecord<VersionRecord>(key, bytes);
}
