/**
 * Takes the snapshots that count for what assets are folded from. What one covers is final from then on: it is not judged anew,
 * and its operations may have lost their bodies.
 */
import { equalBytes, type Uuid } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import {
  type AcknowledgeRecord,
  coveredBy,
  coveredCount,
  coversAll,
  createCoverage,
  joinPieces,
  openSnapshot,
} from '#sync/compaction/index.ts';
import type { AssetReplica } from '#sync/documents/index.ts';
import { type FollowedSnapshot, putBaseState, putFollowed, readFollowed } from './followed-snapshots.ts';
import type { OpenSpace } from './open-space.ts';
import type { ProjectDeps } from './project-operations.ts';
import { readReplica } from './replicas.ts';
import { readSnapshot } from './snapshot-operations.ts';
import { refoldKey } from './space-keys.ts';

/** What was counted once everything that could be followed was. */
const settled = new WeakSet<ReadonlyMap<string, AcknowledgeRecord>>();

interface Candidate {
  readonly snapshot: string;
  readonly record: AcknowledgeRecord;
}

/**
 * Follows, for each asset, the snapshot that covers the most, and marks the assets that are not what it says to be folded
 * anew. One whose operations are not here yet is tried again the next time. Errors: those of the store.
 */
export async function followSnapshots(deps: ProjectDeps, space: OpenSpace): Promise<void> {
  const { counted } = space.acknowledged;
  if (counted.size === 0 || settled.has(counted)) return;
  const followed = await readFollowed(deps.store, space.record.space);
  const known = new Set([...followed.values()].map(({ snapshot }) => snapshot));
  const isPast = createCoverage([...followed.values()].map(({ record }) => record));
  const byAsset = new Map<Uuid, Candidate[]>();
  let isSettled = true;
  for (const [snapshot, record] of counted) {
    if (known.has(snapshot) || isPast(record.snapshot, record.snapshot.seq)) continue;
    const read = await readSnapshot(deps, space, record.snapshot, { withPieces: false });
    isSettled &&= read.kind !== 'waits';
    if (read.kind !== 'whole') continue;
    byAsset.set(read.asset, [...(byAsset.get(read.asset) ?? []), { snapshot, record }]);
  }
  for (const [asset, candidates] of byAsset) {
    for (const candidate of candidates.sort(byPreference)) {
      if (!isMore(candidate, followed.get(asset))) continue;
      const outcome = await follow(deps, space, asset, candidate);
      isSettled &&= outcome !== 'waits';
      if (outcome === 'followed') break;
    }
    await deps.breathe();
  }
  if (isSettled) settled.add(counted);
}

const byPreference = (left: Candidate, right: Candidate): number =>
  coveredCount(right.record) - coveredCount(left.record) || (left.snapshot < right.snapshot ? -1 : 1);

/** Nothing that is covered may be left behind: its bodies may be gone. */
const isMore = ({ record }: Candidate, present: FollowedSnapshot | undefined): boolean =>
  !present || (coveredCount(record) > coveredCount(present.record) && coversAll(record, present.record));

async function follow(
  deps: ProjectDeps,
  space: OpenSpace,
  asset: Uuid,
  { snapshot, record }: Candidate,
): Promise<'followed' | 'waits' | 'wrong'> {
  const { space: id } = space.record;
  const read = await readSnapshot(deps, space, record.snapshot, { withPieces: true });
  if (read.kind === 'waits') return 'waits';
  if (read.kind === 'gone' || !equalBytes(read.record.stateHash, record.stateHash)) return 'wrong';
  const state = openSnapshot(deps, read.record, read.pieces);
  if (!state || !isSaid(record, state)) return 'wrong';
  const commit = putFollowed(new Commit(), id, asset, { snapshot, record, isDropped: false });
  putBaseState(commit, id, asset, joinPieces(deps, read.record, read.pieces));
  const replica = await readReplica(deps, id, asset);
  if (!replica || !holds(replica, state)) commit.put(refoldKey(id, asset), new Uint8Array());
  await deps.store.write(commit, { sync: true });
  return 'followed';
}

/** What was acknowledged to be covered is what the state holds. */
function isSaid(record: AcknowledgeRecord, state: AssetReplica): boolean {
  const held = { covered: coveredBy(state) };
  return coversAll(record, held) && coversAll(held, record);
}

/** True when the replica has been folded from what the state has, each operation as it counts there. */
const holds = (replica: AssetReplica, state: AssetReplica): boolean =>
  [...state.operations.values()].every(({ id, isVoid }) => replica.operations.get(id)?.isVoid === isVoid);
