/** Whether a device has a reason to acknowledge a snapshot: what it says stays in its control log for ever. */
import { fromHex, toHex, type Uuid } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import {
  type AcknowledgeRecord,
  coversAll,
  createCoverage,
  SNAPSHOT_PIECE_SCHEMA,
  SNAPSHOT_SCHEMA,
  type SnapshotWord,
} from '#sync/compaction/index.ts';
import type { Blake3, LogStore } from '#sync/log/index.ts';
import { readKnownSnapshots } from './asset-growth.ts';
import { SNAPSHOT_COST_BYTES } from './compaction-rules.ts';
import { readFollowedOf } from './followed-snapshots.ts';
import type { OpenSpace } from './open-space.ts';
import type { StoredOperation } from './refold-assets.ts';
import { readSnapshot } from './snapshot-operations.ts';

interface WorthDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly blake3: Blake3;
}

/** What a device is about to acknowledge. */
interface Saying {
  readonly asset: Uuid;
  readonly said: AcknowledgeRecord;
  /** Of the state. */
  readonly byteCount: number;
  /** About the asset. */
  readonly operations: readonly StoredOperation[];
}

/** Devices behind the words for a snapshot, by its id in hexadecimal digits. */
export const backersOf = (words: readonly SnapshotWord[], snapshot: string): number =>
  Math.max(0, ...words.filter((word) => word.snapshot === snapshot).map(({ devices }) => devices.size));

/**
 * True for a snapshot that leaves out nothing of what this device follows or has acknowledged of the asset, as two of these
 * could not both be followed, and stands for more than it costs beyond that: else whoever signs the same one again and again
 * would use up the control log of everybody. Where members acknowledged different ones that are as good, one joins the others
 * that are as many as those who say what it says, so that they come to agree, in a few words at most.
 */
export async function isWorthSaying(deps: WorthDeps, space: OpenSpace, saying: Saying): Promise<boolean> {
  const { asset, said } = saying;
  const { words } = space.acknowledged;
  const id = toHex(said.snapshot.operationId);
  const known = await readKnownSnapshots(deps.store, space.record.space);
  const followed = await readFollowedOf(deps.store, space.record.space, asset);
  const own = words
    .filter(
      ({ snapshot, devices }) => snapshot !== id && devices.has(space.self) && known.get(snapshot)?.asset === asset,
    )
    .map(({ record }) => record);
  const before = [...own, ...(followed ? [followed.record] : [])];
  if (!before.every((record) => coversAll(said, record))) return false;
  const standing: AcknowledgeRecord[] = [];
  for (const record of before) if (!(await isLost(deps, space, record))) standing.push(record);
  if (before.some((record) => !standing.some((other) => coversAll(other, record)))) return true;
  if (isWorth(saying, standing)) return true;
  const isFollowed =
    followed !== undefined && standing.includes(followed.record) && !isWorth(saying, [followed.record]);
  const backers = own.map(({ snapshot }) => backersOf(words, toHex(snapshot.operationId)));
  return !isFollowed && own.length > 0 && backersOf(words, id) >= Math.max(...backers);
}

/** True when the operations that only this one of them covers are more than its state and its signatures. */
function isWorth({ said, byteCount, operations }: Saying, others: readonly AcknowledgeRecord[]): boolean {
  const [covers, isKnown] = [createCoverage([said]), createCoverage(others)];
  let bytes = 0;
  for (const { author, logId, seq, schema, byteCount } of operations) {
    if (schema === SNAPSHOT_SCHEMA || schema === SNAPSHOT_PIECE_SCHEMA) continue;
    const log = { author: fromHex(author), logId: fromHex(logId) };
    if (covers(log, seq) && !isKnown(log, seq)) bytes += byteCount;
  }
  // Whoever took it may have counted a little otherwise, and has signed it: half is enough.
  return bytes > (byteCount + SNAPSHOT_COST_BYTES) / 2;
}

/** True when nobody can get a snapshot any more, because its log ended before it in a fork. */
async function isLost(deps: WorthDeps, space: OpenSpace, { snapshot }: AcknowledgeRecord): Promise<boolean> {
  const head = await deps.logs.tip(snapshot.author, snapshot.logId);
  if (head?.frozenFrom === undefined) return false;
  const read = await readSnapshot(deps, space, snapshot, { withPieces: true });
  return read.kind !== 'whole';
}
