/**
 * Folds assets anew from the beginning of all logs, or from their snapshots, each in one call: when operations about them turned out to be void after
 * they were folded, or not, and when more had come at once than may wait for others.
 */
import { type AbortOptions, throwIfAborted, type Uuid } from '#core/kernel/index.ts';
import { Commit, prefixRange } from '#core/platform/ports.ts';
import type { AccessState } from '#sync/access/index.ts';
import { type AssetOperation, foldAsset } from '#sync/documents/index.ts';
import type { LogName } from '#sync/log/index.ts';
import { readAppliedLog } from './applied-log.ts';
import { logPathOf } from './control-operation.ts';
import { readBase } from './followed-snapshots.ts';
import type { OpenSpace } from './open-space.ts';
import type { ProjectDeps } from './project-operations.ts';
import { createOperationReader } from './read-operation.ts';
import { putReplica } from './replicas.ts';
import { refoldKey, refoldPrefix } from './space-keys.ts';

/** Assets whose operations are held at one time. The logs are read once for so many. */
const ASSETS_AT_ONCE = 256;
const BREATH_OPERATIONS = 64;

/** An operation as it was read from its log. */
export interface StoredOperation extends AssetOperation {
  /** As it is stored. */
  readonly byteCount: number;
}

type Deps = Pick<ProjectDeps, 'store' | 'logs' | 'blake3' | 'breathe'>;

/** Has the assets folded anew that operations of one log are about, from one seq up to before another. */
export async function markRefolds(
  deps: Deps,
  space: OpenSpace,
  access: AccessState,
  log: LogName,
  { from, to }: { readonly from: number; readonly to: number },
  commit: Commit,
): Promise<void> {
  const { space: spaceId } = space.record;
  const reader = createOperationReader(space, access, deps.blake3, log, []);
  let seq = from;
  for await (const bytes of deps.logs.operationsFrom(log.author, log.logId, from)) {
    if (seq >= to) break;
    const asset = reader.readSubject(bytes);
    if (asset) commit.put(refoldKey(spaceId, asset), new Uint8Array());
    seq += 1;
    if (seq % BREATH_OPERATIONS === 0) await deps.breathe();
  }
}

/** Folds the assets anew that are marked. Errors: `STORE_DAMAGED`, `CANCELLED`, those of the store. */
export async function refoldAssets(
  deps: ProjectDeps,
  space: OpenSpace,
  access: AccessState,
  { signal }: AbortOptions = {},
): Promise<void> {
  const { store, blake3, openDocument } = deps;
  const { space: spaceId } = space.record;
  const prefix = refoldPrefix(spaceId);
  for (;;) {
    throwIfAborted(signal);
    const marked = new Map<Uuid, StoredOperation[]>();
    for await (const [key] of store.entries({ ...prefixRange(prefix), limit: ASSETS_AT_ONCE })) {
      marked.set(key.slice(prefix.length) as Uuid, []);
    }
    if (marked.size === 0) return;
    await collectOperations(deps, space, access, marked);
    const commit = new Commit();
    for (const [asset, operations] of marked) {
      const base = await readBase({ store, blake3, openDocument }, spaceId, asset);
      const after = operations.filter(({ id }) => !base?.operations.has(id));
      const { state } = foldAsset({ blake3, openDocument }, base, after);
      putReplica({ blake3 }, commit, spaceId, asset, state).delete(refoldKey(spaceId, asset));
      await deps.breathe();
    }
    await store.write(commit, { sync: false });
  }
}

/** Adds what has been applied about some assets, from all logs; but for operations whose bodies are gone. */
export async function collectOperations(
  deps: Deps,
  space: OpenSpace,
  access: AccessState,
  marked: ReadonlyMap<Uuid, StoredOperation[]>,
): Promise<void> {
  for (const log of space.store.logs('data')) await collect(deps, space, access, log, marked);
}

/** Reads what was applied of a log again, and adds what it says about the assets. */
async function collect(
  { store, logs, blake3, breathe }: Deps,
  space: OpenSpace,
  access: AccessState,
  log: LogName,
  marked: ReadonlyMap<Uuid, StoredOperation[]>,
): Promise<void> {
  const { next } = await readAppliedLog(store, space.record.space, logPathOf(log));
  const reader = createOperationReader(space, access, blake3, log, []);
  let seq = 0;
  for await (const bytes of logs.operationsFrom(log.author, log.logId, 0)) {
    if (seq >= next) break;
    const read = reader.read(bytes);
    if (read.kind === 'asset') marked.get(read.asset)?.push({ ...read.operation, byteCount: bytes.length });
    seq += 1;
    if (seq % BREATH_OPERATIONS === 0) await breathe();
  }
}
