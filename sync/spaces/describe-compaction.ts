import type { KeyValueStore } from '#core/platform/ports.ts';
import { acknowledgementsNeeded, countReaders } from '#sync/compaction/index.ts';
import { type Blake3, isPruned, type LogStore, peekOperation } from '#sync/log/index.ts';
import { readKnownSnapshots } from './asset-growth.ts';
import { readFollowed } from './followed-snapshots.ts';
import type { OpenSpace } from './open-space.ts';
import type { CompactionState } from './operations.ts';

export interface DescribeCompactionDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly blake3: Blake3;
}

/** What snapshots stand for in a space, and which do not count yet. Reads all data logs when there are any. */
export async function describeCompaction(deps: DescribeCompactionDeps, space: OpenSpace): Promise<CompactionState> {
  const followed = await readFollowed(deps.store, space.record.space);
  const { counted } = space.acknowledged;
  let [prunedOperations, prunedBytes] = [0, 0];
  const isCompacted = counted.size > 0 || followed.size > 0;
  for (const log of isCompacted ? space.store.logs('data') : []) {
    for await (const bytes of deps.logs.operationsFrom(log.author, log.logId, 0)) {
      const operation = peekOperation(deps, bytes);
      if (!isPruned(operation)) continue;
      prunedOperations += 1;
      prunedBytes += operation.header.payload!.byteCount;
    }
  }
  return { snapshots: followed.size, prunedOperations, prunedBytes, waiting: await listWaiting(deps, space) };
}

/** The snapshots that not enough devices acknowledged yet. */
export async function listWaiting(
  { store }: Pick<DescribeCompactionDeps, 'store'>,
  { record, access, acknowledged }: OpenSpace,
): Promise<CompactionState['waiting']> {
  const needed = acknowledgementsNeeded(countReaders(access));
  return [...(await readKnownSnapshots(store, record.space))]
    .filter(([snapshot]) => !acknowledged.counted.has(snapshot))
    .map(([snapshot, { asset }]) => {
      const words = acknowledged.words.filter((word) => word.snapshot === snapshot);
      const acknowledgements = Math.max(0, ...words.map(({ devices }) => devices.size));
      return { asset, snapshot, acknowledgements, needed };
    });
}
