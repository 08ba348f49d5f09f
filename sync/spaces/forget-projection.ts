/** Starts a projection from the beginning, when something of it counts no more. */
import { fromUtf8, toUtf8, type Uuid } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { type LogName, type LogStore, operationCount } from '#sync/log/index.ts';
import { type AppliedLog, readAllApplied, readAppliedLog } from './applied-log.ts';
import { logPathOf } from './control-operation.ts';
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

interface ForgetDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
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
 *
 * @param names the data logs that there are
 * @param endedControlLogs see `OpenSpace.endedControlLogs`
 * @param only looks at this data log alone
 */
export async function forgetWhatEnded(
  { store, logs }: ForgetDeps,
  space: Uuid,
  names: readonly LogName[],
  endedControlLogs: string,
  only: LogName | undefined,
): Promise<boolean> {
  const commit = new Commit();
  if (only) {
    const { next } = await readAppliedLog(store, space, logPathOf(only));
    if (await hasAll(logs, only, next)) return false;
  } else {
    const key = endedControlKey(space);
    const known = await store.get(key);
    const isAsBefore = (known ? fromUtf8(known) : '') === endedControlLogs;
    if (isAsBefore && (await areAllThere(logs, names, await readAllApplied(store, space)))) return false;
    commit.put(key, toUtf8(endedControlLogs));
  }
  await forgetProjection(store, space, commit);
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
    if (!(await hasAll(logs, name, applied.get(path)?.next ?? 0))) return false;
    applied.delete(path);
  }
  return applied.size === 0;
}

async function hasAll(logs: LogStore, { author, logId }: LogName, count: number): Promise<boolean> {
  if (count === 0) return true;
  const head = await logs.tip(author, logId);
  return head !== undefined && operationCount(head) >= count;
}
