import { GranaryError } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { type MemoryStore, openMemoryStore } from '#core/platform/testing/memory-store.ts';

/** A store in memory whose power goes at one of its writes. */
export interface FailingStore extends MemoryStore {
  /** Writes so far. */
  readonly writeCount: number;
  /** The write of this number, and all that follow, fail. */
  failAt(write: number): void;
  /** Starts again with what was safe, and `keptCommits` of what was not. */
  restart(keptCommits: number): void;
}

export function openFailingStore(): FailingStore {
  const store = openMemoryStore();
  let [writeCount, failsAt] = [0, Infinity];
  const write: KeyValueStore['write'] = async (commit, options) => {
    writeCount += 1;
    if (writeCount >= failsAt) throw new GranaryError('IO_FAILED', 'The power went.');
    return store.write(commit, options);
  };
  return {
    ...store,
    write,
    get writeCount() {
      return writeCount;
    },
    failAt(number) {
      failsAt = number;
    },
    restart(keptCommits) {
      failsAt = Infinity;
      store.crash({ keptCommits });
    },
  };
}
