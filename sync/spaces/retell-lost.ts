/**
 * Signs anew what this device had told a space and what counts no more, because a log was forked: its own operations
 * behind the fork of its own log, those that wait for operations behind the fork of another one, and those that were written
 * under rights or keys behind the fork of a control log. What another device lost, this one can tell in its place, when a
 * person wants it.
 *
 * What all of it would have amounted to is found by folding it once more, as if there were no fork; the difference is told in the
 * log that this device has now. A mark for each ended log and asset keeps it from being told twice.
 */
import type { Catalog } from '#core/catalog/index.ts';
import {
  type AbortOptions,
  type AssetId,
  canonicalJson,
  equalBytes,
  type ErrorCode,
  isGranaryError,
  type Logger,
  readRecord,
  throwIfAborted,
  toHex,
  type Uuid,
} from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import {
  type AssetEdge,
  type AssetEdit,
  type AssetOperation,
  type AssetProjection,
  type AssetReplica,
  DOCUMENT_SCHEMA,
  dropWaiting,
  editAsset,
  encodeEdge,
  encodeRemoval,
  encodeVersion,
  decodeSealed,
  foldAsset,
  LINEAGE_SCHEMA,
  projectAsset,
  REMOVAL_SCHEMA,
  VERSION_SCHEMA,
  waitingOperations,
} from '#sync/documents/index.ts';
import { type AccessState, includesLevel } from '#sync/access/index.ts';
import { isSigned, type LogName, operationCount, peekOperation } from '#sync/log/index.ts';
import { decodeSealedSegment } from '#sync/segments/index.ts';
import { readAppliedLog } from './applied-log.ts';
import { findAsset } from './apply-replicas.ts';
import { logPathOf } from './control-operation.ts';
import type { OpenSpace } from './open-space.ts';
import type { ProjectDeps, ProjectionReport } from './project-operations.ts';
import type { SigningHold } from './publish-changes.ts';
import { createOperationReader } from './read-operation.ts';
import { readReplica } from './replicas.ts';
import { retellControl } from './retell-control.ts';
import { retoldKey } from './space-keys.ts';
import { recordOf, type Told, tellAsset } from './tell-asset.ts';
import { readUnforked, type UnforkedDeps, type UnforkedSpace } from './unforked-space.ts';
import { findTold } from './version-input.ts';

export interface RetellDeps extends ProjectDeps, UnforkedDeps {
  readonly catalog: Catalog;
}

/** Operations about one asset, by id. */
type Lost = Map<string, AssetOperation>;

/** The first and the last operation of a log about an asset that were signed anew. */
interface Retold {
  readonly from: number;
  readonly to: number;
}

/** Of no right or no key yet; of what waits for operations of others; of a log that ended in a fork just now. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['FORBIDDEN', 'KEY_MISSING', 'VERSION_CONFLICT', 'LOG_FORKED']);

export type Retelling = ReturnType<typeof createRetelling>;

/**
 * Tells what was lost, as part of each settling, and leaves for the next what cannot be told now. It remembers which spaces
 * have nothing left to tell, until something is applied there: what is behind forks is read again only then.
 */
export function createRetelling() {
  const done = new Set<Uuid>();
  const toldControl = new Set<string>();
  return async (
    deps: RetellDeps & { readonly hold: SigningHold; readonly logger: Logger },
    space: OpenSpace,
    { appliedCount, isRebuilt }: Pick<ProjectionReport, 'appliedCount' | 'isRebuilt'>,
    options: AbortOptions,
  ): Promise<number> => {
    const { space: id } = space.record;
    if (appliedCount > 0 || isRebuilt) done.delete(id);
    const mayTell = includesLevel(space.access.members.get(space.self)?.level, 'write');
    if (done.has(id) || deps.hold.isHeld || !mayTell) return 0;
    try {
      const unforked = await readUnforked(deps, space);
      const controlCount = unforked ? await retellControl(space, unforked, toldControl) : 0;
      const count = await retellLost(deps, space, options);
      done.add(id);
      return controlCount + count;
    } catch (error) {
      if (!isGranaryError(error) || !PASSING.has(error.code)) throw error;
      deps.logger.warn('What a fork took away is not told again yet.', { cause: error.message });
      return 0;
    }
  };
}

export interface RetellOptions extends AbortOptions {
  /** The device whose lost operations are told, 64 hexadecimal digits; this one by default. */
  readonly whose?: string;
}

/**
 * Returns how many operations were signed. What cannot be told because something else is missing is left for another time.
 * Errors: those of `OpenSpace.signData`, `LOG_FORKED` when the log ended meanwhile.
 */
export async function retellLost(deps: RetellDeps, space: OpenSpace, options: RetellOptions = {}): Promise<number> {
  let count = 0;
  for (const [asset, lost] of await readLost(deps, space, options)) {
    count += await retellAsset(deps, space, asset as AssetId, lost, options);
  }
  return count;
}

/** An operation that counts no more. */
export interface LostOperation {
  readonly asset: Uuid;
  readonly operation: AssetOperation;
}

/**
 * What this node has of a data log and does not count, as far as it can be opened: what lies behind its fork, and what waits
 * for control operations or keys that `unforked` has and the space has lost.
 */
export async function* lostOperations(
  { logs, store, blake3, ed25519 }: Pick<RetellDeps, 'logs' | 'store' | 'blake3' | 'ed25519'>,
  space: OpenSpace,
  name: LogName,
  unforked: UnforkedSpace | undefined,
  options: AbortOptions,
): AsyncIterable<LostOperation> {
  const head = await logs.tip(name.author, name.logId);
  if (!head) return;
  const { next, heads } = await readAppliedLog(store, space.record.space, logPathOf(name));
  const isStuck = next < operationCount(head);
  // What comes before says under which rights the rest was written.
  if (head.verifiedCount < operationCount(head) || (isStuck ? !unforked : head.frozenFrom === undefined)) return;
  const isOwn = toHex(name.author) === space.self;
  const access = isStuck ? judgedBy(unforked!.access, isOwn ? space.access : undefined) : space.access;
  const reader = createOperationReader(isStuck ? unforked! : space, access, blake3, name, heads);
  for await (const bytes of logs.operationsFrom(name.author, name.logId, next, options)) {
    const read = reader.read(bytes);
    if (read.kind === 'waits') return;
    if (read.kind === 'asset') yield read;
  }
  for await (const bytes of logs.operationsBehindFork(name.author, name.logId, options)) {
    if (!isSigned({ ed25519 }, peekOperation({ blake3 }, bytes))) return;
    const read = reader.read(bytes);
    if (read.kind === 'waits') return;
    if (read.kind === 'asset') yield read;
  }
}

/** A home that was restored has not the control operations that it had seen: what it wrote is judged by what it may now. */
function judgedBy(whole: AccessState, now: AccessState | undefined): AccessState {
  const levelAt: AccessState['levelAt'] = (device, heads) => {
    const level = whole.levelAt(device, heads);
    return level === undefined ? now?.levelNow(device) : level;
  };
  return { ...whole, levelAt };
}

/** What this node has of all data logs that does not count, by asset. */
async function readLost(deps: RetellDeps, space: OpenSpace, options: AbortOptions): Promise<Map<Uuid, Lost>> {
  const lost = new Map<Uuid, Lost>();
  const unforked = await readUnforked(deps, space);
  for (const name of space.store.logs('data')) {
    for await (const { asset, operation } of lostOperations(deps, space, name, unforked, options)) {
      const ofAsset = lost.get(asset) ?? new Map();
      lost.set(asset, ofAsset.set(operation.id, operation));
    }
  }
  return lost;
}

async function retellAsset(
  deps: RetellDeps,
  space: OpenSpace,
  asset: AssetId,
  lost: Lost,
  { whose = space.self, signal }: RetellOptions,
): Promise<number> {
  const { store, catalog } = deps;
  const { space: spaceId } = space.record;
  throwIfAborted(signal);
  const replica = await readReplica(deps, spaceId, asset);
  const waiting = new Map(replica ? waitingOperations(replica).map((operation) => [operation.id, operation]) : []);
  const seeds: AssetOperation[] = [];
  for (const operation of lost.values()) {
    if (operation.author === whose && (await isUntold(deps, spaceId, asset, operation))) seeds.push(operation);
  }
  for (const operation of waiting.values()) {
    if (operation.author !== space.self || !pastOf(lost, waiting, [operation]).some(({ id }) => lost.has(id))) continue;
    if (await isUntold(deps, spaceId, asset, operation)) seeds.push(operation);
  }
  if (seeds.length === 0) return 0;

  // What else waits for lost operations is told by its authors: told by two, a stretch of a text would stand there twice.
  const beside = replica && (await readReplica(deps, spaceId, asset));
  if (beside) dropWaiting(beside);
  const whole = foldAsset(deps, beside, pastOf(lost, waiting, seeds)).state;
  const told = seeds.filter(({ id }) => whole.operations.has(id));
  if (told.length === 0) return 0;
  const [is, shallBe] = [projectAsset(deps, replica ?? emptyOf(deps)), projectAsset(deps, whole)];
  // In the present log, what follows would wait as well.
  const present = toHex((await space.ownDataLog()).logId);
  if (told.some(({ logId }) => logId === present)) await space.renewLogs();

  let count = 0;
  const tell = async (contents: readonly Told[], options: { alsoWrite?: Commit; logId?: Uint8Array } = {}) => {
    const now = await readReplica(deps, spaceId, asset);
    count += contents.length;
    return tellAsset(deps, space, { asset, replica: now }, contents, options);
  };

  const renamed = new Map<string, string>();
  for (const version of lostVersions(is, shallBe)) {
    const base = version.base && (renamed.get(version.base) ?? version.base);
    const parents = version.parents.map((id) => renamed.get(id) ?? id);
    const { sealed: own } = whole.versions.get(version.id)!.record;
    const sealed = Object.values(own).map((text) => decodeSealedSegment(decodeSealed(text)));
    const { schema, kind, createdAt, rowCount, byteCount, sources, added, removed } = version;
    const facts = { parents, base, schema, kind, createdAt, rowCount, byteCount, sources, added, removed };
    const records = encodeVersion({ ...facts, sealed }).map((bytes) => recordOf(VERSION_SCHEMA, bytes));
    const id = findTold(space.self, is, facts) ?? (await tell(records)).at(-1)!;
    renamed.set(version.id, id);
    const head = (await findAsset(catalog, asset))?.origin?.head;
    if (head?.operationId === version.id) await catalog.setHead(asset, { ...head, operationId: id });
  }
  const edges = lostEdges(is, shallBe, renamed);
  if (edges.length > 0) await tell(edges.map((edge) => recordOf(LINEAGE_SCHEMA, encodeEdge(edge))));
  if (shallBe.removed && !is.removed) {
    await tell([recordOf(REMOVAL_SCHEMA, encodeRemoval({ at: shallBe.removals[0]!.at }))]);
  }

  const marks = await markRetold(deps, spaceId, asset, told);
  const { author, logId } = await space.ownDataLog();
  const log = { author: toHex(author), logId: toHex(logId) };
  const update = editAsset(deps, await readReplica(deps, spaceId, asset), log, lostFields(is, shallBe));
  const content = update && ({ kind: 'yjs-update', bytes: update } as const);
  if (content) await tell([{ schema: DOCUMENT_SCHEMA, content }], { alsoWrite: marks, logId });
  else await store.write(marks, { sync: true });
  return count;
}

const emptyOf = (deps: RetellDeps): AssetReplica => foldAsset(deps, undefined, []).state;

/** The operations that do not count and these build on, and these, each log in its order. */
function pastOf(lost: Lost, waiting: Lost, operations: readonly AssetOperation[]): AssetOperation[] {
  const all = [...lost.values(), ...waiting.values()];
  const found = new Map<string, AssetOperation>();
  const open = [...operations];
  for (let next = open.pop(); next; next = open.pop()) {
    if (found.has(next.id)) continue;
    found.set(next.id, next);
    const { logId, author, seq } = next;
    open.push(...all.filter((one) => one.logId === logId && one.author === author && one.seq < seq));
    open.push(...next.dependencies.flatMap((id) => lost.get(id) ?? waiting.get(id) ?? []));
  }
  return [...found.values()].toSorted((left, right) => left.seq - right.seq);
}

async function isUntold(
  { store }: RetellDeps,
  space: Uuid,
  asset: Uuid,
  { logId, seq }: AssetOperation,
): Promise<boolean> {
  const retold = await readRetold(store, space, logId, asset);
  return !retold || seq < retold.from || seq > retold.to;
}

async function readRetold(store: RetellDeps['store'], space: Uuid, logId: string, asset: Uuid) {
  const key = retoldKey(space, logId, asset);
  const bytes = await store.get(key);
  return bytes && readRecord<Retold>(key, bytes);
}

async function markRetold(
  { store }: RetellDeps,
  space: Uuid,
  asset: Uuid,
  operations: readonly AssetOperation[],
): Promise<Commit> {
  const commit = new Commit();
  for (const logId of new Set(operations.map((operation) => operation.logId))) {
    const known = await readRetold(store, space, logId, asset);
    const seqs = operations.filter((operation) => operation.logId === logId).map(({ seq }) => seq);
    const all = known ? [...seqs, known.from, known.to] : seqs;
    const retold: Retold = { from: Math.min(...all), to: Math.max(...all) };
    commit.put(retoldKey(space, logId, asset), canonicalJson(retold));
  }
  return commit;
}

/** Each after those it is based on. */
function lostVersions(is: AssetProjection, shallBe: AssetProjection) {
  return [...shallBe.versions.values()]
    .filter(({ id, missing }) => !is.versions.has(id) && missing.length === 0)
    .toSorted((left, right) => left.depth - right.depth);
}

function lostEdges(is: AssetProjection, shallBe: AssetProjection, renamed: ReadonlyMap<string, string>): AssetEdge[] {
  const known = new Set(is.edges.map(({ id }) => id));
  const rename = (version: string | null) => version && (renamed.get(version) ?? version);
  return shallBe.edges
    .filter(({ id }) => !known.has(id))
    .map((edge) => ({
      ...edge,
      from: { ...edge.from, version: rename(edge.from.version) },
      to: { ...edge.to, version: rename(edge.to.version) },
    }));
}

/** Nobody takes a name or a type away from an asset, so there they are only missing. */
function lostFields({ fields: is }: AssetProjection, { fields: shallBe }: AssetProjection): AssetEdit {
  const lost = Object.entries(shallBe).filter(([name, value]) => {
    const isUnsaid = value === null && name !== 'description' && name !== 'contract';
    return !isUnsaid && !equalBytes(canonicalJson(is[name as keyof typeof is]), canonicalJson(value));
  });
  return Object.fromEntries(lost) as AssetEdit;
}
