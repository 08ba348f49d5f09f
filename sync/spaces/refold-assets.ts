/**
 * Folds assets anew from the beginning of all logs, or from their snapshots, each in one call: when operations about them turned out to be void after
 * they were folded, or not, and when more had come at once than may wait for others.
 */
import { type AbortOptions, throwIfAborted, type Uuid } from '#core/kernel/index.ts';
import { Commit, prefixRange } from '#core/platform/ports.ts';
import type { AccessState } from '#sync/access/index.ts';
import { type AssetOperation, DOCUMENT_SCHEMA, foldAsset, isFoldedRecord } from '#sync/documents/index.ts';
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

/**
 * Bytes of operations that are held at one time to be folded, beyond those of one asset: what a small node can spare. Assets that
 * do not fit take their turn.
 */
export const OPERATIONS_HELD_BYTES_MAX = 64 * 2 ** 20;
/** What an operation takes besides its content. */
const OPERATION_COST_BYTES = 512;

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
  deps: Deps & Pick<ProjectDeps, 'openDocument'>,
  space: OpenSpace,
  access: AccessState,
  { signal, heldBytesMax }: AbortOptions & { readonly heldBytesMax?: number } = {},
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
    await collectOperations(deps, space, access, marked, heldBytesMax);
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

/**
 * Adds what has been applied about some assets, from all logs; but for operations whose bodies are gone, and content that
 * says nothing. Takes the last of the assets out again when all together are more than may be held; one stays.
 */
export async function collectOperations(
  deps: Deps,
  space: OpenSpace,
  access: AccessState,
  marked: Map<Uuid, StoredOperation[]>,
  heldBytesMax = OPERATIONS_HELD_BYTES_MAX,
): Promise<void> {
  const byteCounts = new Map<Uuid, number>();
  let held = 0;
  const add = (asset: Uuid, operation: StoredOperation) => {
    const operations = marked.get(asset);
    if (!operations) return;
    operations.push(operation);
    const bytes = operation.content.bytes.length + OPERATION_COST_BYTES;
    byteCounts.set(asset, (byteCounts.get(asset) ?? 0) + bytes);
    held += bytes;
    while (held > heldBytesMax && marked.size > 1) {
      const last = [...marked.keys()].at(-1)!;
      marked.delete(last);
      held -= byteCounts.get(last) ?? 0;
    }
  };
  for (const log of space.store.logs('data')) await collect(deps, space, access, log, add);
}

/** Reads what was applied of a log again. */
async function collect(
  { store, logs, blake3, breathe }: Deps,
  space: OpenSpace,
  access: AccessState,
  log: LogName,
  add: (asset: Uuid, operation: StoredOperation) => void,
): Promise<void> {
  const { next } = await readAppliedLog(store, space.record.space, logPathOf(log));
  const reader = createOperationReader(space, access, blake3, log, []);
  let seq = 0;
  for await (const bytes of logs.operationsFrom(log.author, log.logId, 0)) {
    if (seq >= next) break;
    const read = reader.read(bytes);
    if (read.kind === 'asset') add(read.asset, { ...withoutUnfolded(read.operation), byteCount: bytes.length });
    seq += 1;
    if (seq % BREATH_OPERATIONS === 0) await breathe();
  }
}

/** Without content that says nothing, whoever wrote it: of such an operation only the place counts. */
function withoutUnfolded(operation: AssetOperation): AssetOperation {
  const { schema, content } = operation;
  const isFolded = content.kind === 'record' ? isFoldedRecord(schema) : schema === DOCUMENT_SCHEMA;
  return isFolded ? operation : { ...operation, content: { ...content, bytes: new Uint8Array(0) } };
}
