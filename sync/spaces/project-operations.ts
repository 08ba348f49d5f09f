/**
 * From the data logs of a space to what its assets amount to. Operations are applied once their signatures are checked, in
 * the order of their logs; one whose key or whose author's rights are not here yet keeps its log waiting. What turns out to
 * be void after it was applied, or not, is found again and folded anew.
 */
import {
  type AbortOptions,
  canonicalJson,
  equalBytes,
  fromUtf8,
  readRecord,
  throwIfAborted,
  toUtf8,
  type Uuid,
} from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { type AccessState, includesLevel } from '#sync/access/index.ts';
import { type LogHead, type LogName, type LogStore, operationCount, peekOperation } from '#sync/log/index.ts';
import { putAnnounced } from './announced-segments.ts';
import { type AppliedLog, putAppliedLog, readAllApplied, readAppliedLog, readAppliedLogs } from './applied-log.ts';
import { logPathOf } from './control-operation.ts';
import { type FoldDeps, foldHere, type FoldOperations, type Judge, type LogPiece } from './fold-operations.ts';
import type { FreshProjection, FreshProjections } from './fresh-projections.ts';
import type { OpenSpace } from './open-space.ts';
import { createOperationReader, type WaitReason } from './read-operation.ts';
import { markRefolds, refoldAssets } from './refold-assets.ts';
import { type DirtyAsset, putStoredReplica, readStoredReplicas } from './replicas.ts';
import {
  appliedPrefix,
  dirtyKey,
  endedControlKey,
  refoldKey,
  refoldPrefix,
  refusedKey,
  replicaPrefix,
} from './space-keys.ts';

/** Operations that are folded and stored together: to store what so many amount to takes some milliseconds. */
const BATCH_OPERATIONS = 1_000;
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
  /** Operations of one batch; `BATCH_OPERATIONS` when absent. Fewer where many batches are to follow each other. */
  readonly batchOperations?: number | undefined;
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
  /**
   * Called with the assets of a batch once they are stored, when more follows: goes on while the next batch is folded, and
   * ends before that is stored. Those that have to be folded anew are left out.
   */
  readonly onStored?: ((assets: readonly DirtyAsset[]) => Promise<void>) | undefined;
}

interface Context extends ProjectDeps {
  readonly space: OpenSpace;
  readonly judge: Judge;
  /** Of one moment: it may change while operations are read. */
  readonly access: AccessState;
  readonly report: ProjectionReport;
  readonly batch: Batch;
  readonly isLeft: (log: ProjectedLog) => boolean;
  /** What goes on beside. */
  beside: Promise<void>;
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
  report.isRebuilt = await forgetWhatEnded(deps, space, names, space.endedControlLogs, options.only);
  const batch = openBatch(deps.batchOperations);
  const logs = await openLogs(deps, space, options.only && !report.isRebuilt ? [options.only] : names);
  const isLeft = leftLogs(space, logs);
  const context: Context = { ...deps, space, judge, access, report, batch, isLeft, beside: Promise.resolve() };
  try {
    for (const log of logs) {
      await findJudgedAnew(context, log);
      await projectLog(context, log, options);
    }
    await flush(context);
  } finally {
    await context.beside;
  }
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
  for (const prefix of [appliedPrefix(space), refoldPrefix(space)]) {
    for await (const [key] of store.entries(prefixRange(prefix))) commit.delete(key);
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

/**
 * True for a log whose author may have gone on in another one and told there again what stands in it: what waits for control
 * operations may do so for good where one of their logs was forked.
 */
function leftLogs(space: OpenSpace, logs: readonly ProjectedLog[]): (log: ProjectedLog) => boolean {
  const isForked = space.store.logs('control').some(({ head }) => head?.frozenFrom !== undefined);
  return ({ name, path }) =>
    isForked && logs.some((other) => other.path !== path && equalBytes(other.name.author, name.author));
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
 * has their assets folded anew. What is void of a log is all behind some seq, so that of devices that were not removed two
 * questions find out that nothing changed.
 */
async function findJudgedAnew(context: Context, log: ProjectedLog): Promise<void> {
  const { store, space, access, ...deps } = context;
  const { name, path, applied } = log;
  const { next, voidFrom } = applied;
  const isVoid = (seq: number) => access.isVoid(name.author, name.logId, seq);
  const isAsBefore = (voidFrom === 0 || !isVoid(voidFrom - 1)) && (voidFrom === next || isVoid(voidFrom));
  if (isAsBefore && access.levelNow(name.author) !== null) return;
  const voidFromNow = await findVoidFrom(context, name, next);
  if (voidFromNow === voidFrom) return;
  const changed = { from: Math.min(voidFrom, voidFromNow), to: Math.max(voidFrom, voidFromNow) };
  const commit = putAppliedLog(new Commit(), space.record.space, path, { ...applied, voidFrom: voidFromNow });
  await markRefolds({ ...deps, store }, space, access, name, changed, commit);
  await store.write(commit, { sync: false });
  log.applied = { ...applied, voidFrom: voidFromNow };
}

/** The seq of the first operation before `next` that a revocation makes void, else `next`. */
async function findVoidFrom(
  { access, logs, blake3 }: Context,
  { author, logId }: LogName,
  next: number,
): Promise<number> {
  const start = firstOf(0, next, (seq) => access.isVoid(author, logId, seq));
  if (start === 0) return 0;
  // The last one that stays by its place has to be the one that was meant.
  for await (const bytes of logs.operationsFrom(author, logId, start - 1)) {
    return access.isVoid(author, logId, start - 1, peekOperation({ blake3 }, bytes).id) ? start - 1 : start;
  }
  return start;
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

async function projectLog(context: Context, log: ProjectedLog, options: ProjectOptions): Promise<void> {
  const { logs, report, batch } = context;
  const { name, head } = log;
  const { signal } = options;
  const count = countOf(head);
  const verifiedCount = Math.min(head?.verifiedCount ?? 0, count);
  if (count > verifiedCount) addTo(report.waiting, 'signature', count - verifiedCount);
  const start = log.applied.next;
  if (start >= verifiedCount) return;
  let piece = batch.open(log, verifiedCount);
  for await (const bytes of logs.operationsFrom(name.author, name.logId, start, { signal })) {
    if (piece.from + piece.operations.length >= verifiedCount) break;
    // Most logs that wait wait still, and need not be read as far as a batch goes.
    if (piece.from === start && piece.operations.length === 0 && waits(context, log, bytes, verifiedCount)) return;
    batch.add(piece, bytes);
    if (batch.isFull()) {
      context.beside = goOn(options.onStored, await flush(context));
      throwIfAborted(signal);
      if (log.isWaiting) return;
      piece = batch.open(log, verifiedCount);
    }
  }
}

/** Whether the next operation of a log waits. */
function waits(context: Context, log: ProjectedLog, bytes: Uint8Array, end: number): boolean {
  const { judge, access, blake3 } = context;
  const read = createOperationReader(judge, access, blake3, log.name, log.applied.heads).read(bytes);
  if (read.kind !== 'waits') return false;
  noteWaiting(context, log, read.for, log.applied.next, end);
  return true;
}

/**
 * Counts the next operations of a log that could show something: not those that are void, nor those of who may only read, nor
 * those that their author may have told again in another log.
 */
function noteWaiting(
  { report, access, isLeft }: Context,
  log: ProjectedLog,
  reason: WaitReason,
  next: number,
  end: number,
): void {
  const { author, logId } = log.name;
  const level = access.levelNow(author);
  if ((level !== null && !includesLevel(level, 'write')) || isLeft(log)) return;
  const count = firstOf(next, end, (seq) => access.isVoid(author, logId, seq)) - next;
  if (count > 0) addTo(report.waiting, reason, count);
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

function openBatch(operationsMax = BATCH_OPERATIONS): Batch {
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
    isFull: () => batch.operationCount >= operationsMax || batch.byteCount >= BATCH_BYTES_MAX,
    clear: () => void Object.assign(batch, { pieces: [], operationCount: 0, byteCount: 0 }),
  };
  return batch;
}

/** Starts what goes on beside the next batch. What is wrong with it is met when it is awaited. */
function goOn(onStored: ProjectOptions['onStored'], assets: readonly DirtyAsset[]): Promise<void> {
  const beside = Promise.resolve(onStored?.(assets));
  beside.catch(() => undefined);
  return beside;
}

/** Folds and stores what was gathered. Returns the assets that are as they are to be. */
async function flush(context: Context): Promise<readonly DirtyAsset[]> {
  const { store, space, report, batch, judge, foldAside, fresh } = context;
  const { space: spaceId } = space.record;
  const pieces = batch.pieces.filter(({ piece }) => piece.operations.length > 0);
  const isSmall = batch.operationCount < FOLD_ASIDE_OPERATIONS_MIN;
  batch.clear();
  if (pieces.length === 0) return [];
  const fold = isSmall || !foldAside ? foldHere(context) : foldAside;
  const commit = new Commit();
  const stored: (DirtyAsset & FreshProjection & { readonly mustRebuild: boolean })[] = [];
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
          stored.push({ asset, mark, projection, byteCount: replica.length, mustRebuild });
        }
      },
    },
  );
  let appliedCount = 0;
  for (const [i, { log, end, piece }] of pieces.entries()) {
    const { next, heads, voidFrom, waitsFor } = folded.pieces[i]!;
    const { applied } = log;
    log.isWaiting = waitsFor !== undefined;
    if (waitsFor) noteWaiting(context, log, waitsFor, next, end);
    if (next === piece.from) continue;
    appliedCount += next - piece.from;
    log.applied = { next, heads, voidFrom: applied.voidFrom === applied.next ? voidFrom : applied.voidFrom };
    putAppliedLog(commit, spaceId, log.path, log.applied);
  }
  if (appliedCount === 0) return [];
  for (const segment of folded.announced) putAnnounced(commit, spaceId, segment);
  if (folded.refused.size > 0) {
    const counts = new Map(await readRefused(store, spaceId));
    for (const [reason, count] of folded.refused) addTo(counts, reason, count);
    commit.put(refusedKey(spaceId), canonicalJson(Object.fromEntries(counts)));
  }
  await context.beside;
  await store.write(commit, { sync: false });
  for (const { asset, mark, projection, byteCount } of stored)
    fresh.keep(spaceId, asset, { mark, projection, byteCount });
  report.appliedCount += appliedCount;
  return stored.filter(({ mustRebuild }) => !mustRebuild);
}

function addTo<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
