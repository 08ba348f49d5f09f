/**
 * From the data logs of a space to what its assets amount to. Operations are applied once their signatures are checked, in
 * the order of their logs; one whose key or whose author's rights are not here yet keeps its log waiting. What turns out to
 * be void after it was applied, or not, is found again and folded anew.
 */
import { type AbortOptions, canonicalJson, readRecord, throwIfAborted, type Uuid } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import type { AccessState } from '#sync/access/index.ts';
import { type Coverage, createCoverage } from '#sync/compaction/index.ts';
import { type AssetOperation, type DocumentDeps, foldAsset } from '#sync/documents/index.ts';
import { type LogHead, type LogName, type LogStore, operationCount } from '#sync/log/index.ts';
import { type KnownAnnouncement, putAnnounced } from './announced-segments.ts';
import { GrowthBatch } from './asset-growth.ts';
import { type AppliedLog, putAppliedLog, readAppliedLogs } from './applied-log.ts';
import { COMPACTION_RULES, type CompactionRules } from './compaction-rules.ts';
import { logPathOf } from './control-operation.ts';
import { followSnapshots } from './follow-snapshots.ts';
import { readFollowed } from './followed-snapshots.ts';
import type { OpenSpace } from './open-space.ts';
import { createOperationReader, type WaitReason } from './read-operation.ts';
import { markRefolds, refoldAssets } from './refold-assets.ts';
import { putReplica, readReplicas } from './replicas.ts';
import {
  appliedPrefix,
  basePrefix,
  duePrefix,
  growthPrefix,
  refoldKey,
  refoldPrefix,
  refusedKey,
  replicaPrefix,
} from './space-keys.ts';

/** Operations that are folded and stored together: so many replicas are read and written at once. */
const BATCH_OPERATIONS = 10_000;
/** Bytes of operations that are held at one time. */
const BATCH_BYTES_MAX = 16 * 2 ** 20;
/** Operations that are opened, and assets that are folded, before others may run: some milliseconds of work. */
const BREATH_OPERATIONS = 256;
const BREATH_ASSETS = 64;

export interface ProjectDeps extends DocumentDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  /** Lets others run between two pieces of work. */
  readonly breathe: () => Promise<void>;
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
  /** Of one moment: it may change while operations are read. */
  readonly access: AccessState;
  readonly report: ProjectionReport;
  readonly batch: Batch;
}

/** A data log and how far it was applied. */
interface ProjectedLog {
  readonly name: LogName;
  readonly path: string;
  readonly head: LogHead | undefined;
  readonly applied: AppliedLog;
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
  const { access } = space;
  await followSnapshots(deps, space);
  const context = { ...deps, space, access, report, batch: openBatch() };
  for (const log of await openLogs(deps, space, report, options.only ? [options.only] : space.store.logs('data'))) {
    await findJudgedAnew(context, log);
    await projectLog(context, log, options);
  }
  await flush(context);
  await refoldAssets(deps, space, access, options);
  return report;
}

/** Removes what the operations of a space amount to, so that the next projection starts from the beginning. */
export async function forgetProjection(store: KeyValueStore, space: Uuid): Promise<void> {
  const commit = new Commit().delete(refusedKey(space));
  const prefixes = [appliedPrefix, replicaPrefix, refoldPrefix, growthPrefix, duePrefix].map((of) => of(space));
  for (const prefix of prefixes) {
    for await (const [key] of store.entries(prefixRange(prefix))) commit.delete(key);
  }
  // What snapshots hold may stand in no operation any more.
  for await (const [key] of store.entries(prefixRange(basePrefix(space)))) {
    commit.put(refoldKey(space, key.slice(basePrefix(space).length)), new Uint8Array());
  }
  await store.write(commit, { sync: true });
}

/** Operations that have no effect for what they say, by reason. Errors: `JOURNAL_CORRUPT`. */
export async function readRefused(store: KeyValueStore, space: Uuid): Promise<ReadonlyMap<string, number>> {
  const key = refusedKey(space);
  const bytes = await store.get(key);
  return new Map(bytes ? Object.entries(readRecord<Record<string, number>>(key, bytes)) : []);
}

async function openLogs(
  deps: ProjectDeps,
  space: OpenSpace,
  report: ProjectionReport,
  names: readonly LogName[],
): Promise<ProjectedLog[]> {
  const { store, logs } = deps;
  const paths = names.map(logPathOf);
  const applied = await readAppliedLogs(store, space.record.space, paths);
  const opened: ProjectedLog[] = [];
  for (const [i, name] of names.entries()) {
    const head = await logs.tip(name.author, name.logId);
    // A log that forked is shorter now, and nobody knows any more what stood behind its end.
    if (applied[i]!.next > countOf(head)) {
      await forgetProjection(store, space.record.space);
      report.isRebuilt = true;
      return openLogs(deps, space, report, names);
    }
    opened.push({ name, path: paths[i]!, head, applied: applied[i]! });
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
  Object.assign(log, { applied: { ...applied, voidFrom: voidFromNow } });
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
  const { logs, space, access, blake3, report, batch } = context;
  const { name, path, head, applied } = log;
  const count = countOf(head);
  const verifiedCount = Math.min(head?.verifiedCount ?? 0, count);
  if (count > verifiedCount) addTo(report.waiting, 'signature', count - verifiedCount);
  if (applied.next >= verifiedCount) return;
  const reader = createOperationReader(space, access, blake3, name, applied.heads);
  let { next, voidFrom } = applied;
  const note = () => {
    if (voidFrom === next) voidFrom += 1;
  };
  let isFollowed: Coverage | undefined;
  const save = () => batch.applied.set(path, { next, heads: reader.heads, voidFrom });
  for await (const bytes of logs.operationsFrom(name.author, name.logId, applied.next, { signal })) {
    if (next >= verifiedCount) break;
    const read = reader.read(bytes);
    if (read.kind === 'waits') {
      addTo(report.waiting, read.for, verifiedCount - next);
      break;
    }
    if (read.kind === 'pruned' && !(isFollowed ??= await readCoverage(context))(name, next)) {
      addTo(report.waiting, 'snapshot', verifiedCount - next);
      break;
    }
    if (!access.isVoid(name.author, name.logId, next)) note();
    next += 1;
    batch.take(read, bytes.length);
    save();
    if (batch.isFull()) await flush(context);
    if (next % BREATH_OPERATIONS === 0) {
      await context.breathe();
      throwIfAborted(signal);
    }
  }
}

/** Where bodies may be missing, as the states that stand for them are here. */
const readCoverage = async ({ store, space }: Context): Promise<Coverage> =>
  createCoverage([...(await readFollowed(store, space.record.space)).values()].map(({ record }) => record));

/** Operations that were read and are to be folded and stored together. */
interface Batch {
  readonly byAsset: Map<Uuid, AssetOperation[]>;
  readonly applied: Map<string, AppliedLog>;
  readonly refused: Map<string, number>;
  readonly announced: Set<KnownAnnouncement>;
  readonly growth: GrowthBatch;
  operationCount: number;
  byteCount: number;
  take(
    read: Exclude<ReturnType<ReturnType<typeof createOperationReader>['read']>, { kind: 'waits' }>,
    byteCount: number,
  ): void;
  isFull(): boolean;
  clear(): void;
}

function openBatch(): Batch {
  const batch: Batch = {
    byAsset: new Map(),
    applied: new Map(),
    refused: new Map(),
    announced: new Set(),
    growth: new GrowthBatch(),
    operationCount: 0,
    byteCount: 0,
    take(read, byteCount) {
      batch.operationCount += 1;
      batch.byteCount += byteCount;
      if (read.kind === 'refused') addTo(batch.refused, read.reason, 1);
      if (read.kind === 'announced') for (const segment of read.segments) batch.announced.add(segment);
      if (read.kind !== 'asset') return;
      if (read.isForbidden) addTo(batch.refused, 'forbidden', 1);
      batch.growth.take(read.asset, read.operation, byteCount);
      const operations = batch.byAsset.get(read.asset);
      if (operations) operations.push(read.operation);
      else batch.byAsset.set(read.asset, [read.operation]);
    },
    isFull: () => batch.operationCount >= BATCH_OPERATIONS || batch.byteCount >= BATCH_BYTES_MAX,
    clear() {
      for (const part of [batch.byAsset, batch.applied, batch.refused, batch.announced, batch.growth]) part.clear();
      Object.assign(batch, { operationCount: 0, byteCount: 0 });
    },
  };
  return batch;
}

async function flush({
  store,
  space,
  report,
  batch,
  blake3,
  openDocument,
  breathe,
  compaction,
}: Context): Promise<void> {
  if (batch.operationCount === 0) return;
  const { space: spaceId } = space.record;
  const commit = new Commit();
  for (const [path, applied] of batch.applied) putAppliedLog(commit, spaceId, path, applied);
  for (const segment of batch.announced) putAnnounced(commit, spaceId, segment);
  await batch.growth.addTo(store, commit, spaceId, compaction ?? COMPACTION_RULES);
  const assets = [...batch.byAsset.keys()];
  const replicas = await readReplicas({ store, blake3 }, spaceId, assets);
  for (const [i, asset] of assets.entries()) {
    const { state, refused, mustRebuild } = foldAsset({ blake3, openDocument }, replicas[i], batch.byAsset.get(asset)!);
    if (mustRebuild) commit.put(refoldKey(spaceId, asset), new Uint8Array());
    // What was refused for want of room may come again.
    for (const { reason } of refused) if (reason !== 'waiting-full') addTo(batch.refused, reason, 1);
    putReplica({ blake3 }, commit, spaceId, asset, state);
    if (i % BREATH_ASSETS === BREATH_ASSETS - 1) await breathe();
  }
  if (batch.refused.size > 0) {
    for (const [reason, count] of await readRefused(store, spaceId)) addTo(batch.refused, reason, count);
    commit.put(refusedKey(spaceId), canonicalJson(Object.fromEntries(batch.refused)));
  }
  await store.write(commit, { sync: false });
  report.appliedCount += batch.operationCount;
  batch.clear();
}

function addTo<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
