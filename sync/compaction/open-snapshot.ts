import { equalBytes, toHex } from '#core/kernel/index.ts';
import {
  type AssetOperation,
  type AssetReplica,
  decodeAssetState,
  type DocumentDeps,
  foldAsset,
  hashReplica,
} from '#sync/documents/index.ts';
import { orInvalid } from '#sync/log/index.ts';
import { joinPieces, type SnapshotRecord } from './snapshot-record.ts';

/**
 * The replica that a snapshot carries: later operations are folded onto it as onto one that was made of all operations.
 * Only for a snapshot that counts, with its acknowledged `stateHash`: the bytes are checked in full, and what they claim is
 * believed. Undefined when the pieces are not what it names, or no state.
 */
export function openSnapshot(
  deps: DocumentDeps,
  record: SnapshotRecord,
  pieces: readonly Uint8Array[],
): AssetReplica | undefined {
  const state = orInvalid(() => decodeAssetState(deps, joinPieces(deps, record, pieces)));
  return state && coversAll(state, record) ? state : undefined;
}

/** Why a member does not acknowledge a snapshot. */
export type SnapshotFault =
  /** Operations that it covers are not here, or are others. */
  | 'operations'
  /** They amount to something else. */
  | 'state';

/**
 * Checks a snapshot against the operations about its asset that are here; returns what they amount to when it says the same. What
 * comes after the covered ones is left out. `base` is the state of a snapshot that counts, when bodies of what that one covers
 * are gone. The bytes of the other device are never opened: see `joinPieces` for whether they are those that it names.
 */
export function checkSnapshot(
  deps: DocumentDeps,
  record: SnapshotRecord,
  operations: readonly AssetOperation[],
  base?: AssetReplica,
): { readonly state: AssetReplica } | SnapshotFault {
  const ends = endsOf(record);
  const covered = operations.filter(
    ({ id, author, logId, seq }) => seq <= (ends.get(`${author}/${logId}`)?.seq ?? -1) && !base?.operations.has(id),
  );
  const { state, mustRebuild } = foldAsset(deps, base, covered);
  if (mustRebuild || !coversAll(state, record)) return 'operations';
  return equalBytes(hashReplica(deps, state), record.stateHash) ? { state } : 'state';
}

const endsOf = ({ covered }: SnapshotRecord) =>
  new Map(covered.map((end) => [`${toHex(end.author)}/${toHex(end.logId)}`, end]));

/** True when the state holds exactly the logs that are covered, each up to its end, and nothing waits. */
function coversAll(state: AssetReplica, record: SnapshotRecord): boolean {
  const ends = endsOf(record);
  const logs = [...state.logsByName].filter(([, { operations }]) => operations.length > 0);
  const isSame = logs.every(([name, { operations }]) => {
    const last = operations.at(-1)!;
    const end = ends.get(name);
    return end?.seq === last.seq && toHex(end.operationId) === last.id;
  });
  return isSame && logs.length === ends.size && state.waiting.size === 0 && !state.mustRebuild;
}
