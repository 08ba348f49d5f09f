/** How much has been said of assets since their last snapshots, and which snapshots there are. */
import { canonicalJson, fromHex, readRecord, type Uuid } from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import {
  decodeSnapshotRecord,
  SNAPSHOT_PIECE_SCHEMA,
  SNAPSHOT_SCHEMA,
  type SnapshotPlace,
} from '#sync/compaction/index.ts';
import type { AssetOperation } from '#sync/documents/index.ts';
import { orInvalid } from '#sync/log/index.ts';
import type { CompactionRules } from './compaction-rules.ts';
import { dueKey, duePrefix, growthKey, snapshotKey, snapshotPrefix } from './space-keys.ts';

/** Operations about one asset, but for those that carry snapshots, and their bytes. */
export interface AssetGrowth {
  readonly operations: number;
  readonly bytes: number;
}

/** A snapshot that somebody signed who may write. Ids are hexadecimal. */
export interface KnownSnapshot {
  readonly asset: Uuid;
  readonly author: string;
  readonly logId: string;
  readonly seq: number;
  /** When this device first looked at it, in milliseconds since the UNIX epoch; null until then. */
  readonly since: number | null;
  /** How often this device came to something else; absent before the first time. */
  readonly faults?: number;
}

/** Where a snapshot stands, as far as that is known before it is read. */
export const placeOf = (id: string, { author, logId, seq }: KnownSnapshot): SnapshotPlace => ({
  author: fromHex(author),
  logId: fromHex(logId),
  seq,
  operationId: fromHex(id),
  pieces: 0,
});

const NOTHING: AssetGrowth = { operations: 0, bytes: 0 };

/** What some operations add. */
export interface Growth {
  readonly grown: ReadonlyMap<Uuid, AssetGrowth>;
  /** By id. */
  readonly snapshots: ReadonlyMap<string, KnownSnapshot>;
}

/** Counts operations about assets. */
export class GrowthCount implements Growth {
  readonly grown = new Map<Uuid, AssetGrowth>();
  readonly snapshots = new Map<string, KnownSnapshot>();

  add(asset: Uuid, operation: AssetOperation, byteCount: number): void {
    const { id, author, logId, seq, schema } = operation;
    if (isSnapshot(operation)) this.snapshots.set(id, { asset, author, logId, seq, since: null });
    if (schema === SNAPSHOT_SCHEMA || schema === SNAPSHOT_PIECE_SCHEMA) return;
    const { operations, bytes } = this.grown.get(asset) ?? NOTHING;
    this.grown.set(asset, { operations: operations + 1, bytes: bytes + byteCount });
  }
}

/** Whatever is no snapshot is not looked for later. */
const isSnapshot = ({ schema, isVoid, content }: AssetOperation): boolean =>
  schema === SNAPSHOT_SCHEMA &&
  !isVoid &&
  content.kind === 'record' &&
  orInvalid(() => decodeSnapshotRecord(content.bytes)) !== undefined;

/** Stores what was counted; what came together with a snapshot is taken to be covered by it. Errors: `JOURNAL_CORRUPT`. */
export async function putGrowth(
  store: KeyValueStore,
  commit: Commit,
  space: Uuid,
  { grown, snapshots }: Growth,
  rules: Pick<CompactionRules, 'operations' | 'bytes'>,
): Promise<void> {
  const assets = [...grown.keys()];
  const before = await store.getMany(assets.map((asset) => growthKey(space, asset)));
  for (const [i, asset] of assets.entries()) {
    const known = before[i] ? readRecord<AssetGrowth>(growthKey(space, asset), before[i]) : NOTHING;
    const added = grown.get(asset)!;
    const growth = { operations: known.operations + added.operations, bytes: known.bytes + added.bytes };
    commit.put(growthKey(space, asset), canonicalJson(growth));
    const isDue = growth.operations >= rules.operations && growth.bytes >= rules.bytes;
    if (isDue) commit.put(dueKey(space, asset), new Uint8Array());
  }
  for (const [id, snapshot] of snapshots) {
    // A projection that is made anew comes past those again that are known, and counts what they cover.
    if (!(await store.get(snapshotKey(space, id)))) commit.put(snapshotKey(space, id), canonicalJson(snapshot));
    deleteGrowth(commit, space, snapshot.asset);
  }
}

/** Errors: `JOURNAL_CORRUPT`. */
export async function readGrowth(store: KeyValueStore, space: Uuid, asset: Uuid): Promise<AssetGrowth> {
  const key = growthKey(space, asset);
  const bytes = await store.get(key);
  return bytes ? readRecord<AssetGrowth>(key, bytes) : NOTHING;
}

/** Starts to count anew what is said of an asset. */
export const deleteGrowth = (commit: Commit, space: Uuid, asset: Uuid): Commit =>
  commit.delete(growthKey(space, asset)).delete(dueKey(space, asset));

/** Assets of which so much was said that a snapshot is worth it. */
export async function readDue(store: KeyValueStore, space: Uuid): Promise<Uuid[]> {
  const prefix = duePrefix(space);
  const due: Uuid[] = [];
  for await (const [key] of store.entries(prefixRange(prefix))) due.push(key.slice(prefix.length) as Uuid);
  return due;
}

/** By id. Errors: `JOURNAL_CORRUPT`. */
export async function readKnownSnapshots(store: KeyValueStore, space: Uuid): Promise<Map<string, KnownSnapshot>> {
  const prefix = snapshotPrefix(space);
  const known = new Map<string, KnownSnapshot>();
  for await (const [key, bytes] of store.entries(prefixRange(prefix))) {
    known.set(key.slice(prefix.length), readRecord<KnownSnapshot>(key, bytes));
  }
  return known;
}

/**
 * The ids of those that are too many of their author and asset: the first are kept, which are acknowledged first, and the newest.
 */
export function tooManyKnown(known: ReadonlyMap<string, KnownSnapshot>, max: number): string[] {
  const groups = Map.groupBy(known, ([, { author, asset }]) => `${author}/${asset}`);
  return [...groups.values()].flatMap((group) => {
    const byAge = group.toSorted(([, left], [, right]) => sinceOf(left) - sinceOf(right) || left.seq - right.seq);
    return byAge.slice(max - 1, -1).map(([id]) => id);
  });
}

const sinceOf = ({ since }: KnownSnapshot): number => since ?? Number.MAX_SAFE_INTEGER;
