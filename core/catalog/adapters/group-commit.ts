import { Commit, type KeyValueStore, type Write } from '#core/platform/ports.ts';

/** LevelDB writes a batch to its log in one piece and syncs it as a whole; more only adds memory. */
export const GROUP_COMMIT_BYTES_MAX = 4 * 2 ** 20;

/** Stores writes with sync; resolves when they have reached the disk. All of them or none are stored. */
export type CommitGrouped = (writes: readonly Write[]) => Promise<void>;

interface Waiting {
  readonly writes: readonly Write[];
  readonly byteCount: number;
  readonly settle: PromiseWithResolvers<void>;
}

const byteCountOf = (writes: readonly Write[]): number =>
  writes.reduce((total, write) => total + write.key.length + (write.kind === 'put' ? write.value.length : 0), 0);

/**
 * Joins writes that are asked for while a sync is under way into one commit with one sync, in the order they came: a
 * sync costs the same for one row as for a thousand. A failed commit fails every write of its group and none after it.
 */
export function createGroupCommit(store: KeyValueStore): CommitGrouped {
  let waiting: Waiting[] = [];
  let running = false;

  const takeGroup = (): Waiting[] => {
    let byteCount = 0;
    const end = waiting.findIndex((item, i) => {
      byteCount += item.byteCount;
      return i > 0 && byteCount > GROUP_COMMIT_BYTES_MAX;
    });
    const group = end < 0 ? waiting : waiting.slice(0, end);
    waiting = end < 0 ? [] : waiting.slice(end);
    return group;
  };

  const run = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) {
      const group = takeGroup();
      const commit = new Commit();
      for (const write of group.flatMap((item) => item.writes)) {
        if (write.kind === 'put') commit.put(write.key, write.value);
        else commit.delete(write.key);
      }
      try {
        await store.write(commit, { sync: true });
        for (const item of group) item.settle.resolve();
      } catch (error) {
        for (const item of group) item.settle.reject(error);
      }
    }
    running = false;
  };

  return (writes) => {
    const settle = Promise.withResolvers<void>();
    waiting.push({ writes, byteCount: byteCountOf(writes), settle });
    if (!running) void run();
    return settle.promise;
  };
}
