/**
 * A space whose operations this device stores and hands on but may not read: nothing is opened, folded or shown, and nothing
 * waits for a key. Only announcements are looked for.
 */
import { type AbortOptions, canonicalJson, readRecord, throwIfAborted, toHex } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import { type Blake3, type LogName, type LogStore, operationCount, splitStored } from '#sync/log/index.ts';
import { type KnownAnnouncement, mayAnnounce, readAnnouncement, takeAnnounced } from './announced-segments.ts';
import { logPathOf } from './control-operation.ts';
import type { OpenSpace } from './open-space.ts';
import { carriedKey, carriedLogKey } from './space-keys.ts';

/** Operations that are looked at before what was found is stored. */
const BATCH_OPERATIONS = 1_000;
/** Segments that were found after which the batch ends. */
const BATCH_SEGMENTS = 16_384;

export interface CarryDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly blake3: Blake3;
}

/**
 * Looks through what has come to the data logs of a space since the last time; only what has its signature checked counts,
 * and the rest is looked at later. Costs what has changed. Returns whether anything came, so that others can be told.
 */
export async function carrySpace(
  deps: CarryDeps,
  space: OpenSpace,
  { signal }: AbortOptions = {},
): Promise<{ readonly hasNews: boolean }> {
  const { store, logs } = deps;
  const { space: id } = space.record;
  const last = await space.store.lastArrival();
  const start = await carriedUntil(store, id);
  if (start === last) return { hasNews: false };
  const changed = new Map<string, LogName>();
  for await (const { author, logId } of space.store.arrivalsAfter(start)) {
    changed.set(logPathOf({ author, logId }), { author, logId });
  }
  const dataLogs = new Set(space.store.logs('data').map(logPathOf));
  let isWhole = true;
  for (const [path, log] of changed) {
    if (!dataLogs.has(path)) continue;
    const head = await logs.tip(log.author, log.logId);
    const count = head ? operationCount(head) : 0;
    const end = Math.min(head?.verifiedCount ?? 0, count);
    let next = Math.min(await readNumber(store, carriedLogKey(id, path)), end);
    while (next < end) {
      throwIfAborted(signal);
      next = await lookThrough(deps, space, log, next, end);
    }
    isWhole &&= end === count;
  }
  if (isWhole) await store.write(new Commit().put(carriedKey(id), canonicalJson(last)), { sync: false });
  return { hasNews: changed.size > 0 };
}

/** Returns where to go on. */
async function lookThrough(
  deps: CarryDeps,
  space: OpenSpace,
  log: LogName,
  start: number,
  end: number,
): Promise<number> {
  const { store, logs, blake3 } = deps;
  const { space: id } = space.record;
  const commit = new Commit();
  const found: KnownAnnouncement[] = [];
  let next = start;
  for await (const bytes of logs.operationsFrom(log.author, log.logId, start)) {
    if (next >= end || next - start >= BATCH_OPERATIONS || found.length >= BATCH_SEGMENTS) break;
    next += 1;
    const operation = splitStored({ blake3 }, bytes);
    const segments = readAnnouncement(operation, id);
    if (segments && mayAnnounce(space.access, operation)) found.push(...segments);
  }
  // Operations that were here a moment ago and are not now, after a fork: the next time finds less.
  if (next === start) return end;
  await takeAnnounced(store, commit, id, toHex(log.author), found);
  await store.write(commit.put(carriedLogKey(id, logPathOf(log)), canonicalJson(next)), { sync: false });
  return next;
}

async function readNumber(store: KeyValueStore, key: string): Promise<number> {
  const bytes = await store.get(key);
  return bytes ? readRecord<number>(key, bytes) : 0;
}

/** Changes whenever something may have been announced: the last arrival that was looked through. */
export const carriedUntil = (store: KeyValueStore, space: string): Promise<number> =>
  readNumber(store, carriedKey(space));

/** A space that this device may neither read nor has been removed from. */
export const isCarried = ({ access, self }: OpenSpace): boolean => access.members.get(self)?.level === 'pull';
