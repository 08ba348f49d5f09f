/** What the operations about each asset of a space amount to, in the store. */
import type { Uuid } from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { type AssetReplica, decodeAssetReplica, encodeAssetReplica } from '#sync/documents/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { dirtyKey, dirtyPrefix, replicaKey } from './space-keys.ts';

export interface ReplicaDeps {
  readonly store: KeyValueStore;
  readonly blake3: Blake3;
}

/** Undefined before the first operation. Errors: `STORE_DAMAGED`. */
export async function readReplica(deps: ReplicaDeps, space: Uuid, asset: Uuid): Promise<AssetReplica | undefined> {
  const [replica] = await readReplicas(deps, space, [asset]);
  return replica;
}

/** In the order of `assets`. Errors: `STORE_DAMAGED`. */
export async function readReplicas(
  { store, blake3 }: ReplicaDeps,
  space: Uuid,
  assets: readonly Uuid[],
): Promise<(AssetReplica | undefined)[]> {
  const found = await readStoredReplicas(store, space, assets);
  return found.map((bytes) => bytes && decodeAssetReplica({ blake3 }, bytes));
}

/** The same, as they are stored. */
export const readStoredReplicas = (
  store: KeyValueStore,
  space: Uuid,
  assets: readonly Uuid[],
): Promise<(Uint8Array | undefined)[]> => store.getMany(assets.map((asset) => replicaKey(space, asset)));

/** Stores a replica, and marks it for the catalog. */
export const putReplica = (
  { blake3 }: Pick<ReplicaDeps, 'blake3'>,
  commit: Commit,
  space: Uuid,
  asset: Uuid,
  replica: AssetReplica,
): Commit => putStoredReplica(commit, space, asset, encodeAssetReplica({ blake3 }, replica));

/** The same of one that is encoded, under a mark of its own. */
export const putStoredReplica = (
  commit: Commit,
  space: Uuid,
  asset: Uuid,
  replica: Uint8Array,
  mark: Uint8Array = NO_MARK,
): Commit => commit.put(replicaKey(space, asset), replica).put(dirtyKey(space, asset), mark);

const NO_MARK = new Uint8Array(0);

export interface DirtyAsset {
  readonly asset: Uuid;
  /** Names the state of its replica, see `FreshProjections`; empty for none. */
  readonly mark: Uint8Array;
}

/** The assets whose replicas the catalog has not taken in yet, in order, from `from` on. */
export async function readDirtyAssets(
  store: KeyValueStore,
  space: Uuid,
  from: string,
  limit: number,
): Promise<DirtyAsset[]> {
  const prefix = dirtyPrefix(space);
  const { lt } = prefixRange(prefix);
  const assets: DirtyAsset[] = [];
  for await (const [key, mark] of store.entries({ gte: prefix + from, lt, limit })) {
    assets.push({ asset: key.slice(prefix.length) as Uuid, mark });
  }
  return assets;
}
