/**
 * Keeps the logs of a space small: takes snapshots of assets of which much was said, acknowledges those of others after checking
 * them, and drops the bodies that a snapshot stands for once it counts. Each step can be repeated after a crash.
 */
import {
  type AbortOptions,
  canonicalJson,
  type Clock,
  type ErrorCode,
  fromHex,
  isGranaryError,
  type Logger,
  throwIfAborted,
  type Uuid,
} from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { includesLevel } from '#sync/access/index.ts';
import {
  ACKNOWLEDGE_SCHEMA,
  type AcknowledgeRecord,
  acknowledgementsNeeded,
  checkSnapshot,
  countReaders,
  coveredBy,
  createCoverage,
  encodeAcknowledgeRecord,
  joinPieces,
  pieceCount,
  SNAPSHOT_ACKNOWLEDGEMENTS,
  SNAPSHOT_PIECE_SCHEMA,
  SNAPSHOT_SCHEMA,
  type SnapshotFault,
  type SnapshotRecord,
  takeSnapshot,
} from '#sync/compaction/index.ts';
import { orInvalid } from '#sync/log/index.ts';
import {
  deleteGrowth,
  type KnownSnapshot,
  placeOf,
  readDue,
  readGrowth,
  readKnownSnapshots,
  tooManyKnown,
} from './asset-growth.ts';
import {
  ACKNOWLEDGEMENTS_MAX,
  COMPACTION_RULES,
  CONTROL_BYTES_KEPT_MIN,
  CONTROL_OPERATIONS_KEPT_MIN,
  KNOWN_SNAPSHOTS_MAX,
  SNAPSHOT_COST_BYTES,
  SNAPSHOT_FAULTS_MAX,
} from './compaction-rules.ts';
import { logPathOf } from './control-operation.ts';
import { type Dropped, dropCovered } from './drop-covered.ts';
import { type FollowedSnapshot, readBase, readFollowed } from './followed-snapshots.ts';
import { isTaken } from './is-taken.ts';
import type { OpenSpace } from './open-space.ts';
import type { ProjectDeps } from './project-operations.ts';
import type { SigningHold } from './publish-changes.ts';
import { collectOperations, type StoredOperation } from './refold-assets.ts';
import { readReplica, readStoredReplicas } from './replicas.ts';
import { readSnapshot } from './snapshot-operations.ts';
import { replicaPrefix, snapshotKey } from './space-keys.ts';
import { recordOf, tellAsset } from './tell-asset.ts';
import { backersOf, isWorthSaying } from './worth-saying.ts';

export interface CompactDeps extends ProjectDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hold: SigningHold;
}

/** What one run did. */
export interface CompactionReport extends Dropped {
  /** Snapshots that were signed, and those of others or of this device that were acknowledged. */
  readonly takenCount: number;
  readonly acknowledgedCount: number;
}

export const NOTHING_COMPACTED: CompactionReport = {
  takenCount: 0,
  acknowledgedCount: 0,
  droppedOperations: 0,
  droppedBytes: 0,
};

/** What two runs did together. */
export const addReports = (left: CompactionReport, right: CompactionReport): CompactionReport => ({
  takenCount: left.takenCount + right.takenCount,
  acknowledgedCount: left.acknowledgedCount + right.acknowledgedCount,
  droppedOperations: left.droppedOperations + right.droppedOperations,
  droppedBytes: left.droppedBytes + right.droppedBytes,
});

export interface CompactOptions extends AbortOptions {
  /** A person asks for it: whatever frees anything is taken, and nobody is waited for. */
  readonly isAsked?: boolean;
}

/** Snapshots whose operations are held at one time while they are checked. */
const CHECKED_AT_ONCE = 64;
/** Somebody may sign snapshots without end: then they are checked a minute apart where a turn is an hour. */
const PAUSES_IN_TURN = 60;

/** These say something of this device in its space, and pass. */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['KEY_MISSING', 'FORBIDDEN', 'LOG_FORKED']);

/** Compacts spaces, and remembers between two runs whose turn it is. */
export function createCompaction() {
  /** By asset of a space, when a snapshot of it was due first, by the monotonic clock. */
  const dueSince = new Map<string, number>();
  /** By snapshot, when it was checked last. */
  const triedAt = new Map<string, number>();
  /** By space, when so many were checked that all logs are not read again at once. */
  const pausedAt = new Map<Uuid, number>();

  /** Those of the due assets for which this device need not wait for others any more. */
  function turnsOf({ clock, compaction = COMPACTION_RULES }: CompactDeps, space: Uuid, due: Uuid[], rank: number) {
    const names = new Map(due.map((asset) => [`${space}/${asset}`, asset]));
    for (const name of dueSince.keys()) if (name.startsWith(`${space}/`) && !names.has(name)) dueSince.delete(name);
    return due.filter((asset) => {
      const name = `${space}/${asset}`;
      const start = dueSince.get(name) ?? clock.monotonic();
      dueSince.set(name, start);
      return clock.monotonic() - start >= rank * compaction.turnMs;
    });
  }

  /** What does not agree now may do so when more has come; to fold it at every run would be dear. */
  function mayTry({ clock, compaction = COMPACTION_RULES }: CompactDeps, space: Uuid, snapshot: string): boolean {
    const isPast = (at: number | undefined, milliseconds: number) =>
      at === undefined || clock.monotonic() - at >= milliseconds;
    return (
      isPast(triedAt.get(snapshot), compaction.turnMs) &&
      isPast(pausedAt.get(space), compaction.turnMs / PAUSES_IN_TURN)
    );
  }

  return async (deps: CompactDeps, space: OpenSpace, options: CompactOptions = {}): Promise<CompactionReport> => {
    const report = { takenCount: 0, acknowledgedCount: 0 };
    if (!deps.hold.isHeld) {
      try {
        const { space: id } = space.record;
        report.takenCount = await takeSnapshots(deps, space, options, (due, rank) => turnsOf(deps, id, due, rank));
        report.acknowledgedCount = await acknowledge(deps, space, options, {
          mayTry: (snapshot) => mayTry(deps, id, snapshot),
          onTry(snapshot, isLast) {
            const now = deps.clock.monotonic();
            triedAt.set(snapshot, now);
            if (isLast) pausedAt.set(id, now);
          },
        });
      } catch (error) {
        if (!isGranaryError(error) || !PASSING.has(error.code)) throw error;
        deps.logger.warn('A space is not compacted yet.', { cause: error.message });
      }
    }
    return { ...report, ...(await dropCovered(deps, space, options)) };
  };
}

/** The place of this device among those that may write, by seniority; undefined when it may not. */
function writerRank({ access, self }: OpenSpace): number | undefined {
  const own = access.members.get(self);
  if (!own || !includesLevel(own.level, 'write')) return undefined;
  return [...access.members.values()].filter(
    ({ level, seniority }) => includesLevel(level, 'write') && seniority < own.seniority,
  ).length;
}

async function takeSnapshots(
  deps: CompactDeps,
  space: OpenSpace,
  { isAsked = false, signal }: CompactOptions,
  turnsOf: (due: Uuid[], rank: number) => Uuid[],
): Promise<number> {
  const { space: id } = space.record;
  const rank = writerRank(space);
  if (rank === undefined) return 0;
  let count = 0;
  const ended = endedLogs(space);
  const known = new Map(
    [...(await readKnownSnapshots(deps.store, id))].filter(([, { author, logId }]) => !ended.has(`${author}/${logId}`)),
  );
  const lost = await findLost(deps, space, ended, known);
  const due = new Set([...lost, ...(await readDue(deps.store, id))]);
  for (const asset of isAsked ? await sharedAssets(deps, id) : turnsOf([...due], rank)) {
    throwIfAborted(signal);
    const isWorth = lost.has(asset) || (await frees(deps, id, asset));
    const replica = isWorth ? await readReplica(deps, id, asset) : undefined;
    if (replica && !lost.has(asset) && (await isTaken(deps, space, asset, replica, known))) {
      await deps.store.write(deleteGrowth(new Commit(), id, asset), { sync: false });
      continue;
    }
    const snapshot = replica && takeSnapshot(deps, replica);
    if (!snapshot) continue;
    const pieces = snapshot.pieces.map((piece) => recordOf(SNAPSHOT_PIECE_SCHEMA, piece));
    await tellAsset(deps, space, { asset, replica }, [recordOf(SNAPSHOT_SCHEMA, snapshot.record), ...pieces]);
    count += 1;
    await deps.breathe();
  }
  return count;
}

/** Data logs that end in a fork: what stands behind it nobody can get any more. */
const endedLogs = ({ store }: OpenSpace): ReadonlySet<string> =>
  new Set(store.logs('data').flatMap((log) => (log.head?.frozenFrom === undefined ? [] : [logPathOf(log)])));

/**
 * Assets whose snapshot nobody can get any more, because its log ended before it in a fork: what it covers may have no bodies
 * elsewhere, and this node has its state.
 */
async function findLost(
  deps: CompactDeps,
  space: OpenSpace,
  ended: ReadonlySet<string>,
  known: ReadonlyMap<string, KnownSnapshot>,
): Promise<Set<Uuid>> {
  const lost = new Set<Uuid>();
  if (ended.size === 0) return lost;
  const own = space.acknowledged.words.filter(({ devices }) => devices.has(space.self));
  const checked = new Set(own.map((word) => word.snapshot));
  for (const [asset, { snapshot, record }] of await readFollowed(deps.store, space.record.space)) {
    if (!ended.has(logPathOf(record.snapshot))) continue;
    // Not one that nobody checked: it may be none.
    const isOnItsWay = [...known].some(
      ([other, { asset: about, author }]) =>
        about === asset && other !== snapshot && (author === space.self || checked.has(other)),
    );
    if (isOnItsWay) continue;
    const read = await readSnapshot(deps, space, record.snapshot, { withPieces: true });
    if (read.kind !== 'whole') lost.add(asset);
  }
  return lost;
}

/** True when the bodies that a snapshot stands for are more than it costs; its state takes about half of a replica. */
async function frees({ store }: CompactDeps, space: Uuid, asset: Uuid): Promise<boolean> {
  const [replica] = await readStoredReplicas(store, space, [asset]);
  const { bytes } = await readGrowth(store, space, asset);
  return replica !== undefined && bytes > replica.length / 2 + SNAPSHOT_COST_BYTES;
}

async function sharedAssets({ store }: CompactDeps, space: Uuid): Promise<Uuid[]> {
  const prefix = replicaPrefix(space);
  const assets: Uuid[] = [];
  for await (const [key] of store.entries({ gte: prefix, lt: `${prefix}~` })) {
    assets.push(key.slice(prefix.length) as Uuid);
  }
  return assets;
}

interface Tries {
  readonly mayTry: (snapshot: string) => boolean;
  /** Called before one is read. */
  readonly onTry: (snapshot: string, isLast: boolean) => void;
}

/** A snapshot that this device may acknowledge if it is right. */
interface Candidate {
  readonly id: string;
  readonly known: KnownSnapshot;
  readonly record: SnapshotRecord;
}

async function acknowledge(
  deps: CompactDeps,
  space: OpenSpace,
  options: CompactOptions,
  tries: Tries,
): Promise<number> {
  if (!includesLevel(space.access.levelNow(fromHex(space.self)), 'read')) return 0;
  const candidates = await findCandidates(deps, space, options, tries);
  // That which others say already needs the fewest words.
  const { words } = space.acknowledged;
  candidates.sort((left, right) => backersOf(words, right.id) - backersOf(words, left.id));
  let count = 0;
  for (let rest = candidates; rest.length > 0;) {
    const operations = new Map<Uuid, StoredOperation[]>(rest.map(({ known }) => [known.asset, []]));
    await collectOperations(deps, space, space.access, operations);
    for (const candidate of rest) {
      throwIfAborted(options.signal);
      const about = operations.get(candidate.known.asset);
      if (about && (await acknowledgeOne(deps, space, candidate, about))) count += 1;
    }
    rest = rest.filter(({ known }) => !operations.has(known.asset));
  }
  return count;
}

/** Whether there is room in the control log, beside what is kept for others than acknowledgements. */
const hasRoom = ({ store, self }: OpenSpace, byteCount: number): boolean =>
  store.hasControlRoom(fromHex(self), CONTROL_OPERATIONS_KEPT_MIN + 1, CONTROL_BYTES_KEPT_MIN + byteCount);

async function acknowledgeOne(
  deps: CompactDeps,
  space: OpenSpace,
  { id, known, record }: Candidate,
  operations: readonly StoredOperation[],
): Promise<boolean> {
  const { asset } = known;
  const base = await readBase(deps, space.record.space, asset);
  const checked = checkSnapshot(deps, record, operations, base);
  if (typeof checked === 'string') {
    await deps.store.write(putFault(deps, new Commit(), space, id, known, checked), { sync: false });
    return false;
  }
  const said: AcknowledgeRecord = {
    snapshot: { ...placeOf(id, known), pieces: pieceCount(record.byteCount) },
    stateHash: record.stateHash,
    covered: coveredBy(checked.state),
  };
  const content = orInvalid(() => encodeAcknowledgeRecord(said));
  if (!content || !hasRoom(space, content.length)) return false;
  if (!(await isWorthSaying(deps, space, { asset, said, byteCount: record.byteCount, operations }))) return false;
  await space.signControl([{ schema: ACKNOWLEDGE_SCHEMA, content }]);
  await deps.breathe();
  return true;
}

async function findCandidates(
  deps: CompactDeps,
  space: OpenSpace,
  { isAsked = false }: CompactOptions,
  { mayTry, onTry }: Tries,
): Promise<Candidate[]> {
  const { store, clock, compaction = COMPACTION_RULES } = deps;
  const { space: spaceId } = space.record;
  const commit = new Commit();
  const candidates: Candidate[] = [];
  const all = await readKnownSnapshots(store, spaceId);
  const said = new Set(space.acknowledged.words.map(({ snapshot }) => snapshot));
  const tooMany = new Set(tooManyKnown(all, KNOWN_SNAPSHOTS_MAX).filter((id) => !said.has(id)));
  let triedCount = 0;
  const followedOf = await readFollowed(store, spaceId);
  const mayAcknowledge = hasRoom(space, 0);
  // Those that were tried in vain come last.
  const inOrder = [...all].sort(([, left], [, right]) => (left.faults ?? 0) - (right.faults ?? 0));
  for (const [id, known] of inOrder) {
    const followed = followedOf.get(known.asset);
    if (tooMany.has(id) || (followed && isCoveredBy(followed, known))) {
      commit.delete(snapshotKey(spaceId, id));
      continue;
    }
    // Whoever follows one comes to its state by itself no more.
    if (followed?.snapshot === id || !isWanted(space, id)) continue;
    const since = known.since ?? clock.now();
    if (known.since === null) commit.put(snapshotKey(spaceId, id), canonicalJson({ ...known, since }));
    if (!mayAcknowledge || triedCount === CHECKED_AT_ONCE) continue;
    if (!isAsked && (clock.now() - since < compaction.retentionMs || !mayTry(id))) continue;
    triedCount += 1;
    onTry(id, triedCount === CHECKED_AT_ONCE);
    const seen = { ...known, since };
    const found = await readCandidate(deps, space, id, seen);
    if (typeof found === 'object') candidates.push(found);
    else if (found !== 'gone') putFault(deps, commit, space, id, seen, found);
    else if (!said.has(id)) commit.delete(snapshotKey(spaceId, id));
  }
  if (commit.writes.length > 0) await store.write(commit, { sync: false });
  return candidates;
}

/** What does not come to agree is forgotten in the end. */
function putFault(
  { logger }: CompactDeps,
  commit: Commit,
  space: OpenSpace,
  id: string,
  known: KnownSnapshot,
  cause: SnapshotFault | 'pieces' | 'waits',
): Commit {
  if (cause !== 'waits') logger.warn('A snapshot is not acknowledged.', { snapshot: id, asset: known.asset, cause });
  const key = snapshotKey(space.record.space, id);
  const faults = (known.faults ?? 0) + 1;
  const isOwn = space.acknowledged.words.some(({ snapshot, devices }) => snapshot === id && devices.has(space.self));
  const isKept = faults < SNAPSHOT_FAULTS_MAX || isOwn;
  return isKept ? commit.put(key, canonicalJson({ ...known, faults })) : commit.delete(key);
}

/** True when the followed snapshot holds the operation of another one, which needs no word any more then. */
const isCoveredBy = ({ record }: FollowedSnapshot, { author, logId, seq }: KnownSnapshot): boolean =>
  createCoverage([record])({ author: fromHex(author), logId: fromHex(logId) }, seq);

/** True while another word of this device would be of use. */
function isWanted({ access, acknowledged, self }: OpenSpace, snapshot: string): boolean {
  const words = acknowledged.words.filter((word) => word.snapshot === snapshot);
  const own = words.find(({ devices }) => devices.has(self));
  if (!own) return words.every(({ devices }) => devices.size < ACKNOWLEDGEMENTS_MAX);
  // Fewer can read than when it was said, and so fewer words are enough, if they are said now.
  const needed = acknowledgementsNeeded(countReaders(access));
  if (acknowledged.counted.has(snapshot) || needed === SNAPSHOT_ACKNOWLEDGEMENTS) return false;
  return own.devices.get(self)!.every((id) => acknowledgementsNeeded(countReaders(access, id)) > needed);
}

async function readCandidate(
  deps: CompactDeps,
  space: OpenSpace,
  id: string,
  known: KnownSnapshot,
): Promise<Candidate | 'waits' | 'gone' | 'pieces'> {
  const place = placeOf(id, known);
  const head = await readSnapshot(deps, space, place, { withPieces: false });
  if (head.kind !== 'whole') return head.kind;
  const pieces = pieceCount(head.record.byteCount);
  const whole = await readSnapshot(deps, space, { ...place, pieces }, { withPieces: true });
  if (whole.kind !== 'whole') return whole.kind;
  const { record } = whole;
  // Before anything is folded for it; and no more than one state is held at a time.
  return orInvalid(() => joinPieces(deps, record, whole.pieces)) ? { id, known, record } : 'pieces';
}
