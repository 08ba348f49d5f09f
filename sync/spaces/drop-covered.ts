/** Drops the bodies of operations that snapshots stand for. */
import { type AbortOptions, throwIfAborted, toHex } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import type { AcknowledgeRecord } from '#sync/compaction/index.ts';
import { type Blake3, isPruned, type LogStore, logPath, peekOperation, type SeqRange } from '#sync/log/index.ts';
import { isCarried } from './carry-space.ts';
import { putFollowed, readFollowed } from './followed-snapshots.ts';
import type { OpenSpace } from './open-space.ts';
import { droppedKey } from './space-keys.ts';

/** Operations whose bodies go in one batch. */
const BATCH_OPERATIONS = 4_096;

export interface Dropped {
  readonly droppedOperations: number;
  readonly droppedBytes: number;
}

export interface DropDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly blake3: Blake3;
  readonly breathe: () => Promise<void>;
}

/**
 * Drops what is covered by the snapshots that this node follows; on a device that may not read, by those that count, once it
 * has them itself. Errors: `CANCELLED`, those of the store.
 */
export async function dropCovered(deps: DropDeps, space: OpenSpace, options: AbortOptions): Promise<Dropped> {
  return isCarried(space) ? dropCarried(deps, space, options) : dropFollowed(deps, space, options);
}

async function dropFollowed(deps: DropDeps, space: OpenSpace, options: AbortOptions): Promise<Dropped> {
  const { space: id } = space.record;
  const total = new Total();
  const { counted } = space.acknowledged;
  if (counted.size === 0) return total;
  for (const [asset, followed] of await readFollowed(deps.store, id)) {
    // What counts no more may be needed: those who come later take no headers for it.
    if (followed.isDropped || !counted.has(followed.snapshot)) continue;
    if (!(await drop(deps, space, followed.record, total, options))) continue;
    const commit = putFollowed(new Commit(), id, asset, { ...followed, isDropped: true });
    await deps.store.write(commit, { sync: false });
  }
  return total;
}

async function dropCarried(deps: DropDeps, space: OpenSpace, options: AbortOptions): Promise<Dropped> {
  const total = new Total();
  for (const [snapshot, record] of space.acknowledged.counted) {
    const key = droppedKey(space.record.space, snapshot);
    if ((await deps.store.get(key)) || !(await isHeld(deps, record))) continue;
    if (!(await drop(deps, space, record, total, options))) continue;
    await deps.store.write(new Commit().put(key, new Uint8Array()), { sync: false });
  }
  return total;
}

class Total implements Dropped {
  droppedOperations = 0;
  droppedBytes = 0;
}

/** True when the bodies of a snapshot are here, whatever they say. */
async function isHeld({ logs, blake3 }: DropDeps, { snapshot }: AcknowledgeRecord): Promise<boolean> {
  let count = 0;
  for await (const bytes of logs.operationsFrom(snapshot.author, snapshot.logId, snapshot.seq)) {
    const operation = peekOperation({ blake3 }, bytes);
    if (isPruned(operation) || (count === 0 && toHex(operation.id) !== toHex(snapshot.operationId))) return false;
    count += 1;
    if (count > snapshot.pieces) return true;
  }
  return false;
}

/** Returns false when not all of it could be dropped yet, as it has not come or its signatures are to be checked. */
async function drop(
  { logs, breathe }: DropDeps,
  space: OpenSpace,
  { covered }: AcknowledgeRecord,
  total: Total,
  { signal }: AbortOptions,
): Promise<boolean> {
  const held = new Set(space.store.logs('data').map(({ author, logId }) => logPath(author, logId)));
  let isAll = true;
  for (const { author, logId, ranges } of covered) {
    if (!held.has(logPath(author, logId))) continue;
    const head = await logs.tip(author, logId);
    isAll &&= (head?.verifiedCount ?? 0) > ranges.at(-1)!.seqEnd || head?.frozenFrom !== undefined;
    for (const batch of batchesOf(ranges)) {
      throwIfAborted(signal);
      const { operationCount, byteCount } = await space.store.dropBodies({ author, logId }, batch);
      total.droppedOperations += operationCount;
      total.droppedBytes += byteCount;
      await breathe();
    }
  }
  return isAll;
}

function batchesOf(ranges: readonly SeqRange[]): SeqRange[][] {
  const batches: SeqRange[][] = [];
  let count = BATCH_OPERATIONS;
  for (const { seqStart, seqEnd } of ranges) {
    for (let from = seqStart; from <= seqEnd;) {
      if (count >= BATCH_OPERATIONS) {
        batches.push([]);
        count = 0;
      }
      const to = Math.min(seqEnd, from + BATCH_OPERATIONS - count - 1);
      batches.at(-1)!.push({ seqStart: from, seqEnd: to });
      count += to - from + 1;
      from = to + 1;
    }
  }
  return batches;
}
