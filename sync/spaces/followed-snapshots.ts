/** The snapshots that this node folds from, one an asset, and their states. */
import { canonicalJson, fromHex, readRecord, toHex, type Uuid } from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { type AcknowledgeRecord, decodeAcknowledgeRecord, encodeAcknowledgeRecord } from '#sync/compaction/index.ts';
import { type AssetReplica, decodeAssetState, type DocumentDeps } from '#sync/documents/index.ts';
import { baseKey, basePrefix, baseStateKey } from './space-keys.ts';

/**
 * The snapshot of an asset that a node follows. It stays so whatever becomes of its acknowledgements: bodies of what it covers
 * may be gone.
 */
export interface FollowedSnapshot {
  /** Id of its operation, in hexadecimal digits. */
  readonly snapshot: string;
  /** As it was acknowledged. */
  readonly record: AcknowledgeRecord;
  /** The bodies of what it covers were dropped here. */
  readonly isDropped: boolean;
}

interface Stored {
  readonly snapshot: string;
  /** In hexadecimal digits. */
  readonly record: string;
  readonly isDropped: boolean;
}

/** By asset. Errors: `JOURNAL_CORRUPT`. */
export async function readFollowed(store: KeyValueStore, space: Uuid): Promise<ReadonlyMap<Uuid, FollowedSnapshot>> {
  const prefix = basePrefix(space);
  const followed = new Map<Uuid, FollowedSnapshot>();
  for await (const [key, bytes] of store.entries(prefixRange(prefix))) {
    followed.set(key.slice(prefix.length) as Uuid, decode(key, bytes));
  }
  return followed;
}

/** Undefined for an asset that is folded from its operations. Errors: `JOURNAL_CORRUPT`. */
export async function readFollowedOf(
  store: KeyValueStore,
  space: Uuid,
  asset: Uuid,
): Promise<FollowedSnapshot | undefined> {
  const key = baseKey(space, asset);
  const bytes = await store.get(key);
  return bytes && decode(key, bytes);
}

function decode(key: string, bytes: Uint8Array): FollowedSnapshot {
  const { snapshot, record, isDropped } = readRecord<Stored>(key, bytes);
  return { snapshot, record: decodeAcknowledgeRecord(fromHex(record)), isDropped };
}

export const putFollowed = (
  commit: Commit,
  space: Uuid,
  asset: Uuid,
  { snapshot, record, isDropped }: FollowedSnapshot,
): Commit => {
  const stored: Stored = { snapshot, record: toHex(encodeAcknowledgeRecord(record)), isDropped };
  return commit.put(baseKey(space, asset), canonicalJson(stored));
};

/** The state as the snapshot has it: where it stands can be lost by a fork of its author's log. */
export const putBaseState = (commit: Commit, space: Uuid, asset: Uuid, bytes: Uint8Array): Commit =>
  commit.put(baseStateKey(space, asset), bytes);

/** What an asset is folded from; undefined when that is nothing. Errors: `OPERATION_INVALID` for a damaged store. */
export async function readBase(
  { store, ...deps }: DocumentDeps & { readonly store: KeyValueStore },
  space: Uuid,
  asset: Uuid,
): Promise<AssetReplica | undefined> {
  const bytes = await store.get(baseStateKey(space, asset));
  return bytes && decodeAssetState(deps, bytes);
}
