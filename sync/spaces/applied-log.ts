import { canonicalJson, readRecord } from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { appliedKey, appliedPrefix } from './space-keys.ts';

/** How far the operations of one data log have been applied. */
export interface AppliedLog {
  /** The seq of the next one. */
  readonly next: number;
  /** The control operations that the author had last said to have seen, in hexadecimal digits. */
  readonly heads: readonly string[];
  /** From this seq on a revocation made them void, as it was known when they were applied; `next` when there was none. */
  readonly voidFrom: number;
}

export const NOTHING_APPLIED: AppliedLog = { next: 0, heads: [], voidFrom: 0 };

/** `logPath` is `<author>/<log id>`, in hexadecimal digits. Errors: `JOURNAL_CORRUPT`. */
export async function readAppliedLog(store: KeyValueStore, space: string, logPath: string): Promise<AppliedLog> {
  const key = appliedKey(space, logPath);
  const bytes = await store.get(key);
  return bytes ? readRecord<AppliedLog>(key, bytes) : NOTHING_APPLIED;
}

/** In the order of `logPaths`. Errors: `JOURNAL_CORRUPT`. */
export async function readAppliedLogs(
  store: KeyValueStore,
  space: string,
  logPaths: readonly string[],
): Promise<AppliedLog[]> {
  const keys = logPaths.map((path) => appliedKey(space, path));
  const found = await store.getMany(keys);
  return found.map((bytes, i) => (bytes ? readRecord<AppliedLog>(keys[i]!, bytes) : NOTHING_APPLIED));
}

/** Those of all logs of a space of which something was applied, by `logPath`. Errors: `JOURNAL_CORRUPT`. */
export async function readAllApplied(store: KeyValueStore, space: string): Promise<Map<string, AppliedLog>> {
  const prefix = appliedPrefix(space);
  const applied = new Map<string, AppliedLog>();
  for await (const [key, bytes] of store.entries(prefixRange(prefix))) {
    applied.set(key.slice(prefix.length), readRecord<AppliedLog>(key, bytes));
  }
  return applied;
}

export const putAppliedLog = (commit: Commit, space: string, logPath: string, applied: AppliedLog): Commit =>
  commit.put(appliedKey(space, logPath), canonicalJson(applied));
