/**
 * From the data logs of a space to what its assets amount to. Operations are applied once their signatures are checked, in
 * the order of their logs; one whose key or whose author's rights are not here yet keeps its log waiting.
 */
import { type AbortOptions, fromHex, throwIfAborted, toHex, type Uuid } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { type AccessState, includesLevel } from '#sync/access/index.ts';
import {
  type AssetOperation,
  type AssetReplica,
  type DocumentDeps,
  encodeAssetReplica,
  decodeAssetReplica,
  foldAsset,
} from '#sync/documents/index.ts';
import { type LogName, type LogStore, operationCount, orInvalid, splitOperation } from '#sync/log/index.ts';
import { type AppliedLog, putAppliedLog, readAppliedLog } from './applied-log.ts';
import { logPathOf, readEnvelope } from './control-operation.ts';
import { HEADS_SCHEMA, type OpenSpace } from './open-space.ts';
import { appliedPrefix, dirtyKey, dirtyPrefix, replicaKey, replicaPrefix } from './space-keys.ts';

/** Operations that are opened and folded before the node looks after something else, and before they are stored. */
const BATCH_OPERATIONS = 1_000;

export interface ProjectDeps extends DocumentDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
}

/** What keeps a log from being applied further. */
export type WaitReason = 'signature' | 'key' | 'access';

export interface ProjectionReport {
  appliedCount: number;
  /** Operations without effect, by reason. */
  readonly refused: Map<string, number>;
  /** Operations that are here and wait, by what they wait for. */
  readonly waiting: Map<WaitReason, number>;
  /** Assets that changed. */
  readonly assets: Set<Uuid>;
}

/**
 * Applies what has come to the data logs of a space since the last time. All that is changed by a batch is stored together,
 * and the assets it touched are marked, for whoever shows them. Errors: `STORE_DAMAGED`, `CANCELLED`, those of the store.
 */
export async function projectOperations(
  deps: ProjectDeps,
  space: OpenSpace,
  { signal }: AbortOptions = {},
): Promise<ProjectionReport> {
  const report: ProjectionReport = { appliedCount: 0, refused: new Map(), waiting: new Map(), assets: new Set() };
  const context = { ...deps, space, report };
  for (const log of space.store.logs('data')) {
    for (;;) {
      throwIfAborted(signal);
      const outcome = await projectBatch(context, log);
      if (outcome === 'rebuild') {
        await forgetProjection(deps.store, space.record.space);
        return projectOperations(deps, space, { signal });
      }
      if (outcome === 'end') break;
    }
  }
  return report;
}

/** Removes what the operations of a space amount to, so that the next projection starts from the beginning. */
export async function forgetProjection(store: KeyValueStore, space: Uuid): Promise<void> {
  const commit = new Commit();
  for (const prefix of [appliedPrefix(space), replicaPrefix(space)]) {
    for await (const [key] of store.entries(prefixRange(prefix))) commit.delete(key);
  }
  await store.write(commit, { sync: true });
}

interface Context extends ProjectDeps {
  readonly space: OpenSpace;
  readonly report: ProjectionReport;
}

async function projectBatch(context: Context, log: LogName): Promise<'more' | 'end' | 'rebuild'> {
  const { logs, store, space, report } = context;
  const { record } = space;
  const path = logPathOf(log);
  const head = await logs.tip(log.author, log.logId);
  const applied = await readAppliedLog(store, record.space, path);
  const count = head ? operationCount(head) : 0;
  if (applied.next > count) return 'rebuild';
  const verifiedCount = Math.min(head?.verifiedCount ?? 0, count);
  if (count > verifiedCount) wait(report, 'signature', count - verifiedCount);
  if (applied.next >= verifiedCount) return 'end';

  const byAsset = new Map<Uuid, AssetOperation[]>();
  let { next, heads } = applied;
  let isWaiting = false;
  for await (const bytes of logs.operationsFrom(log.author, log.logId, applied.next)) {
    if (next >= verifiedCount || next - applied.next >= BATCH_OPERATIONS) break;
    const read = readOperation(context, heads, bytes);
    if ('waitsFor' in read) {
      wait(report, read.waitsFor, verifiedCount - next);
      isWaiting = true;
      break;
    }
    next += 1;
    if ('refused' in read) addTo(report.refused, read.refused, 1);
    else if ('heads' in read) ({ heads } = read);
    else byAsset.set(read.asset, [...(byAsset.get(read.asset) ?? []), read.operation]);
  }
  if (next === applied.next) return 'end';
  const isWhole = await foldBatch(context, path, { next, heads }, byAsset);
  if (!isWhole) return 'rebuild';
  report.appliedCount += next - applied.next;
  return isWaiting || next >= verifiedCount ? 'end' : 'more';
}

/** False when everything has to be folded anew. */
async function foldBatch(
  { store, space, report, blake3, openDocument }: Context,
  path: string,
  applied: AppliedLog,
  byAsset: ReadonlyMap<Uuid, readonly AssetOperation[]>,
): Promise<boolean> {
  const { space: spaceId } = space.record;
  const commit = putAppliedLog(new Commit(), spaceId, path, applied);
  for (const [asset, operations] of byAsset) {
    const before = await readReplica({ store, blake3 }, spaceId, asset);
    const { state, refused, mustRebuild } = foldAsset({ blake3, openDocument }, before, operations);
    if (mustRebuild) return false;
    for (const { reason } of refused) addTo(report.refused, reason, 1);
    commit.put(replicaKey(spaceId, asset), encodeAssetReplica({ blake3 }, state));
    commit.put(dirtyKey(spaceId, asset), new Uint8Array());
    report.assets.add(asset);
  }
  await store.write(commit, { sync: false });
  return true;
}

/** What the operations about an asset amount to; undefined before the first. Errors: `STORE_DAMAGED`. */
export async function readReplica(
  { store, blake3 }: Pick<ProjectDeps, 'store' | 'blake3'>,
  space: Uuid,
  asset: Uuid,
): Promise<AssetReplica | undefined> {
  const bytes = await store.get(replicaKey(space, asset));
  return bytes && decodeAssetReplica({ blake3 }, bytes);
}

/** The assets whose replicas the catalog has not taken in yet. */
export async function readDirtyAssets(store: KeyValueStore, space: Uuid, limit: number): Promise<Uuid[]> {
  const prefix = dirtyPrefix(space);
  const assets: Uuid[] = [];
  for await (const [key] of store.entries({ ...prefixRange(prefix), limit })) {
    assets.push(key.slice(prefix.length) as Uuid);
  }
  return assets;
}

type ReadOperation =
  | { readonly waitsFor: WaitReason }
  | { readonly refused: string }
  | { readonly heads: readonly string[] }
  | { readonly asset: Uuid; readonly operation: AssetOperation };

/** Opens one operation and decides whether it counts. */
function readOperation({ space, blake3 }: Context, heads: readonly string[], bytes: Uint8Array): ReadOperation {
  const { id, header, body } = splitOperation({ blake3 }, bytes);
  const { publicKey: author, seq, backlink, extensions } = header;
  if (!body || !extensions) return { refused: 'malformed' };
  const { logId } = extensions;
  const opened = orInvalid(() => ({ plain: space.open({ author, logId, seq, backlink }, body) }));
  if (!opened?.plain) return { refused: 'sealed-wrongly' };
  if ('locked' in opened.plain) return { waitsFor: 'key' };
  const envelope = readEnvelope(opened.plain, space.record.space);
  if (!envelope) return { refused: 'malformed' };
  if (envelope.schema === HEADS_SCHEMA) {
    const seen = envelope.dependencies.map(toHex);
    return space.access.levelAt(author, envelope.dependencies) === undefined ? { waitsFor: 'access' } : { heads: seen };
  }
  const level = levelOf(space.access, author, heads);
  if (level === undefined) return { waitsFor: 'access' };
  const operation = {
    id: toHex(id),
    author: toHex(author),
    logId: toHex(logId),
    seq,
    clock: envelope.clock,
    dependencies: envelope.dependencies.map(toHex),
    isVoid: !includesLevel(level, 'write') || space.access.isVoid(author, logId, seq),
    schema: envelope.schema,
    content: envelope.content,
  };
  return { asset: envelope.subject, operation };
}

const levelOf = (access: AccessState, author: Uint8Array, heads: readonly string[]) =>
  access.levelAt(author, heads.map(fromHex));

function addTo<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

const wait = (report: ProjectionReport, reason: WaitReason, count: number) => addTo(report.waiting, reason, count);
