/**
 * From the data logs of a space to what its assets amount to. Operations are applied once their signatures are checked, in
 * the order of their logs; one whose key or whose author's rights are not here yet keeps its log waiting. What turns out to
 * be void after it was applied, or not, is found again and folded anew.
 */
import {
  type AbortOptions,
  canonicalJson,
  fromUtf8,
  readRecord,
  throwIfAborted,
  toUtf8,
  type Uuid,
} from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { type AccessState, includesLevel } from '#sync/access/index.ts';
import { createCoverage } from '#sync/compaction/index.ts';
import { isPruned, type LogHead, type LogName, type LogStore, operationCount, peekOperation } from '#sync/log/index.ts';
import { putAnnounced } from './announced-segments.ts';
import { type AppliedLog, putAppliedLog, readAllApplied, readAppliedLog, readAppliedLogs } from './applied-log.ts';
import { putGrowth } from './asset-growth.ts';
import { COMPACTION_RULES, type CompactionRules } from './compaction-rules.ts';
import { logPathOf } from './control-operation.ts';
import { type FoldDeps, foldHere, type FoldOperations, type Judge, type LogPiece } from './fold-operations.ts';
import { followSnapshots } from './follow-snapshots.ts';
import { readFollowed } from './followed-snapshots.ts';
import type { FreshProjection, FreshProjections } from './fresh-projections.ts';
import type { OpenSpace } from './open-space.ts';
import { createOperationReader, type WaitReason } from './read-operation.ts';
import { markRefolds, refoldAssets } from './refold-assets.ts';
import { putStoredReplica, readStoredReplicas } from './replicas.ts';
import {
  appliedPrefix,
  basePrefix,
  dirtyKey,
  duePrefix,
  endedControlKey,
  growthPrefix,
  refoldKey,
  refoldPrefix,
  refusedKey,
  replicaPrefix,
} from './space-keys.ts';

/** Operations that are folded and stored together: to store what so many amount to takes some milliseconds. */
const BATCH_OPERATIONS = 2_000;
/** Bytes of operations that are held at one time. */
const BATCH_BYTES_MAX = 16 * 2 ** 20;

/**
 * Batches of fewer operations are folded at once, on the thread of the node: a few milliseconds of work, and to hand it to
 * another thread and back takes as long, or a tenth of a second while that is started.
 */
const FOLD_ASIDE_OPERATIONS_MIN = 64;

export interface ProjectDeps extends FoldDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  /** Folds on another thread; absent where there is none. */
  readonly foldAside?: FoldOperations | undefined;
  readonly fresh: FreshProjections;
  /** When spaces are compacted; `COMPACTION_RULES` when absent. */
  readonly compaction?: CompactionRules;
}

export interface ProjectionReport {
  appliedCount: number;
  /** Operations that are here and wait, by what they wait for. */
  readonly waiting: Map<WaitReason, number>;
  /** Something had counted and counts no more; all was applied anew. */
  isRebuilt: boolean;
}

export interface ProjectOptions extends AbortOptions {
  /** The one log that something was appended to. */
  readonly only?: LogName;
}

interface Context extends ProjectDeps {
  readonly space: OpenSpace;
  readonly judge: Judge;
  /** Of one moment: it may change while operations are read. */
  readonly access: AccessState;
  readonly report: ProjectionReport;
  readonly batch: Batch;
  /** True for an operation whose body was dropped and for which no state stands here yet. */
  readonly lacksState: (log: LogName, seq: number, bytes: Uint8Array) => boolean;
}

/** A data log and how far it was applied. */
interface ProjectedLog {
  readonly name: LogName;
  readonly path: string;
  readonly head: LogHead | undefined;
  applied: AppliedLog;
  /** Its next operation waits for something. */
  isWaiting: boolean;
}

/** Of a space that this device may not read. */
export const NOTHING_PROJECTED: Readonly<ProjectionReport> = { appliedCount: 0, waiting: new Map(), isRebuilt: false };

/**
 * Applies what has come to the data logs of a space since the last time. All that is changed by a batch is stored together,
 * and the assets it touched are marked, for whoever shows them. Errors: `STORE_DAMAGED`, `CANCELLED`, those of the store.
 */
export async function projectOperations(
  deps: ProjectDeps,
  space: OpenSpace,
  options: ProjectOptions = {},
): Promise<ProjectionReport> {
  const report: ProjectionReport = { appliedCount: 0, waiting: new Map(), isRebuilt: false };
  const judge = space.judge();
  const { access } = judge;
  const names = space.store.logs('data');
  await followSnapshots(deps, space);
  report.isRebuilt = await forgetWhatEnded(deps, space, names, space.endedControlLogs, options.only);
  const lacksState = await createStateCheck(deps, space);
  const context = { ...deps, space, judge, access, report, batch: openBatch(), lacksState };
  for (const log of await openLogs(deps, space, options.only && !report.isRebuilt ? [options.only] : names)) {
    await findJudgedAnew(context, log);
    await projectLog(context, log, options);
  }
  await flush(context);
  await refoldAssets(deps, space, access, options);
  return report;
}

/**
 * Removes what the operations of a space amount to, so that the next projection starts from the beginning. The catalog has
 * to look at each asset again, also at those of which nothing is said from then on.
 */
export async function forgetProjection(store: KeyValueStore, space: Uuid, commit = new Commit()): Promise<void> {
  commit.delete(refusedKey(space));
  const replicas = replicaPrefix(space);
  for await (const [key] of store.entries(prefixRange(replicas))) {
    commit.delete(key).put(dirtyKey(space, key.slice(replicas.length)), new Uint8Array());
  }
  for (const prefix of [appliedPrefix, refoldPrefix, growthPrefix, duePrefix]) {
    for await (const [key] of store.entries(prefixRange(prefix(space)))) commit.delete(key);
  }
  // What snapshots hold may stand in no operation any more.
  for await (const [key] of store.entries(prefixRange(basePrefix(space)))) {
    commit.put(refoldKey(space, key.slice(basePrefix(space).length)), new Uint8Array());
  }
  await store.write(commit, { sync: true });
}

/**
 * Forgets all when operations that were applied count no more: of a log that ended before them in a fork, or that nobody
 * registers any more, or that were written under rights which such a log gave. Returns whether it did.
 */
async function forgetWhatEnded(
  { store, logs }: ProjectDeps,
  space: OpenSpace,
  names: readonly LogName[],
  endedControlLogs: string,
  only: LogName | undefined,
): Promise<boolean> {
  const { space: spaceId } = space.record;
  const commit = new Commit();
  if (only) {
    const applied = await readAppliedLog(store, spaceId, logPathOf(only));
    if (applied.next <= countOf(await logs.tip(only.author, only.logId))) return false;
  } else {
    const key = endedControlKey(spaceId);
    const known = await store.get(key);
    const isAsBefore = (known ? fromUtf8(known) : '') === endedControlLogs;
    if (isAsBefore && (await areAllThere(logs, names, await readAllApplied(store, spaceId)))) return false;
    commit.put(key, toUtf8(endedControlLogs));
  }
  await forgetProjection(store, spaceId, commit);
  return true;
}

/** True when each log still has what was applied of it. */
async function areAllThere(
  logs: LogStore,
  names: readonly LogName[],
  applied: Map<string, AppliedLog>,
): Promise<boolean> {
  for (const name of names) {
    const path = logPathOf(name);
    const next = applied.get(path)?.next ?? 0;
    applied.delete(path);
    if (next > countOf(await logs.tip(name.author, name.logId))) return false;
  }
  return applied.size === 0;
}

/** Operations that have no effect for what they say, by reason. Errors: `JOURNAL_CORRUPT`. */
export async function readRefused(store: KeyValueStore, space: Uuid): Promise<ReadonlyMap<string, number>> {
  const key = refusedKey(space);
  const bytes = await store.get(key);
  return new Map(bytes ? Object.entries(readRecord<Record<string, number>>(key, bytes)) : []);
}

async function openLogs(
  { store, logs }: ProjectDeps,
  space: OpenSpace,
  names: readonly LogName[],
): Promise<ProjectedLog[]> {
  const paths = names.map(logPathOf);
  const applied = await readAppliedLogs(store, space.record.space, paths);
  const opened: ProjectedLog[] = [];
  for (const [i, name] of names.entries()) {
    opened.push({
      name,
      path: paths[i]!,
      head: await logs.tip(name.author, name.logId),
      applied: applied[i]!,
      isWaiting: false,
    });
  }
  return opened;
}

const countOf = (head: LogHead | undefined): number => (head ? operationCount(head) : 0);

/**
 * Finds the operations that a revocation made void after they were applied, or that one does not make void any more, and
 * has their assets folded anew. What is void of a log is all behind some seq, so two questions find out that nothing changed.
 */
async function findJudgedAnew({ store, space, access, ...deps }: Context, log: ProjectedLog): Promise<void> {
  const { name, path, applied } = log;
  const { next, voidFrom } = applied;
  const isVoid = (seq: number) => access.isVoid(name.author, name.logId, seq);
  const isAsBefore = (voidFrom === 0 || !isVoid(voidFrom - 1)) && (voidFrom === next || isVoid(voidFrom));
  if (isAsBefore) return;
  const voidFromNow = firstOf(0, next, isVoid);
  const changed = { from: Math.min(voidFrom, voidFromNow), to: Math.max(voidFrom, voidFromNow) };
  const commit = putAppliedLog(new Commit(), space.record.space, path, { ...applied, voidFrom: voidFromNow });
  await markRefolds({ ...deps, store }, space, access, name, changed, commit);
  await store.write(commit, { sync: false });
  log.applied = { ...applied, voidFrom: voidFromNow };
}

/** The first number from `start` to below `end` of which `holds` is true, as it is of all behind it; else `end`. */
function firstOf(start: number, end: number, holds: (number: number) => boolean): number {
  let [low, high] = [start, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

async function projectLog(context: Context, log: ProjectedLog, { signal }: AbortOptions): Promise<void> {
  const { logs, report, batch } = context;
  const { name, head } = log;
  const count = countOf(head);
  const verifiedCount = Math.min(head?.verifiedCount ?? 0, count);
  if (count > verifiedCount) addTo(report.waiting, 'signature', count - verifiedCount);
  const start = log.applied.next;
  if (start >= verifiedCount) return;
  let piece = batch.open(log, verifiedCount);
  for await (const bytes of logs.operationsFrom(name.author, name.logId, start, { signal })) {
    const seq = piece.from + piece.operations.length;
    if (seq >= verifiedCount) break;
    if (context.lacksState(name, seq, bytes)) {
      noteWaiting(report, context.access, name, 'snapshot', seq, verifiedCount);
      break;
    }
    // Most logs that wait wait still, and need not be read as far as a batch goes.
    if (piece.from === start && piece.operations.length === 0 && waits(context, log, bytes, verifiedCount)) return;
    batch.add(piece, bytes);
    if (batch.isFull()) {
      await flush(context);
      throwIfAborted(signal);
      if (log.isWaiting) return;
      piece = batch.open(log, verifiedCount);
    }
  }
}

/** Where nothing was ever acknowledged, nobody looks for bodies that are missing. */
async function createStateCheck({ store, blake3 }: ProjectDeps, space: OpenSpace): Promise<Context['lacksState']> {
  const followed = await readFollowed(store, space.record.space);
  if (followed.size === 0 && space.acknowledged.counted.size === 0) return () => false;
  const isFollowed = createCoverage([...followed.values()].map(({ record }) => record));
  return (log, seq, bytes) => !isFollowed(log, seq) && isPruned(peekOperation({ blake3 }, bytes));
}

/** Whether the next operation of a log waits. */
function waits({ judge, access, blake3, report }: Context, log: ProjectedLog, bytes: Uint8Array, end: number): boolean {
  const read = createOperationReader(judge, access, blake3, log.name, log.applied.heads).read(bytes);
  if (read.kind !== 'waits') return false;
  noteWaiting(report, access, log.name, read.for, log.applied.next, end);
  return true;
}

/** Counts the next operations of a log that could show something: not those that are void, nor those of who may only read. */
function noteWaiting(
  { waiting }: ProjectionReport,
  access: AccessState,
  { author, logId }: LogName,
  reason: WaitReason,
  next: number,
  end: number,
): void {
  const level = access.levelNow(author);
  if (level !== null && !includesLevel(level, 'write')) return;
  const count = firstOf(next, end, (seq) => access.isVoid(author, logId, seq)) - next;
  if (count > 0) addTo(waiting, reason, count);
}

/** Operations that are to be folded and stored together. */
interface Batch {
  readonly pieces: { readonly log: ProjectedLog; readonly end: number; readonly piece: GrowingPiece }[];
  operationCount: number;
  byteCount: number;
  /** `end`: the seq behind the last operation of the log that may be applied. */
  open(log: ProjectedLog, end: number): GrowingPiece;
  add(piece: GrowingPiece, bytes: Uint8Array): void;
  isFull(): boolean;
  clear(): void;
}

interface GrowingPiece extends LogPiece {
  readonly operations: Uint8Array[];
}

function openBatch(): Batch {
  const batch: Batch = {
    pieces: [],
    operationCount: 0,
    byteCount: 0,
    open(log, end) {
      const { next: from, heads } = log.applied;
      const piece: GrowingPiece = { ...log.name, from, heads, operations: [] };
      batch.pieces.push({ log, end, piece });
      return piece;
    },
    add(piece, bytes) {
      piece.operations.push(bytes);
      batch.operationCount += 1;
      batch.byteCount += bytes.length;
    },
    isFull: () => batch.operationCount >= BATCH_OPERATIONS || batch.byteCount >= BATCH_BYTES_MAX,
    clear: () => void Object.assign(batch, { pieces: [], operationCount: 0, byteCount: 0 }),
  };
  return batch;
}

async function flush(context: Context): Promise<void> {
  const { store, space, report, batch, judge, foldAside, fresh, compaction = COMPACTION_RULES } = context;
  const { space: spaceId } = space.record;
  const pieces = batch.pieces.filter(({ piece }) => piece.operations.length > 0);
  const isSmall = batch.operationCount < FOLD_ASIDE_OPERATIONS_MIN;
  batch.clear();
  if (pieces.length === 0) return;
  const fold = isSmall || !foldAside ? foldHere(context) : foldAside;
  const commit = new Commit();
  const shown: [Uuid, FreshProjection][] = [];
  const folded = await fold(
    judge,
    pieces.map(({ piece }) => piece),
    {
      read: (assets) => readStoredReplicas(store, spaceId, assets),
      take(assets) {
        for (const { asset, replica, projection, mustRebuild } of assets) {
          if (mustRebuild) commit.put(refoldKey(spaceId, asset), new Uint8Array());
          const mark = fresh.newMark();
          putStoredReplica(commit, spaceId, asset, replica, mark);
          shown.push([asset, { mark, projection, byteCount: replica.length }]);
        }
      },
    },
  );
  let appliedCount = 0;
  for (const [i, { log, end, piece }] of pieces.entries()) {
    const { next, heads, voidFrom, waitsFor } = folded.pieces[i]!;
    const { applied } = log;
    log.isWaiting = waitsFor !== undefined;
    if (waitsFor) noteWaiting(report, judge.access, piece, waitsFor, next, end);
    if (next === piece.from) continue;
    appliedCount += next - piece.from;
    log.applied = { next, heads, voidFrom: applied.voidFrom === applied.next ? voidFrom : applied.voidFrom };
    putAppliedLog(commit, spaceId, log.path, log.applied);
  }
  if (appliedCount === 0) return;
  for (const segment of folded.announced) putAnnounced(commit, spaceId, segment);
  await putGrowth(store, commit, spaceId, folded.growth, compaction);
  if (folded.refused.size > 0) {
    const counts = new Map(await readRefused(store, spaceId));
    for (const [reason, count] of folded.refused) addTo(counts, reason, count);
    commit.put(refusedKey(spaceId), canonicalJson(Object.fromEntries(counts)));
  }
  await store.write(commit, { sync: false });
  for (const [asset, projection] of shown) fresh.keep(spaceId, asset, projection);
  report.appliedCount += appliedCount;
}

function addTo<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
