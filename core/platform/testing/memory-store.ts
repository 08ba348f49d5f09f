import { GranaryError, throwIfAborted, toUtf8 } from '#core/kernel/index.ts';
import type { AbortOptions } from '#core/kernel/index.ts';
import type { KeyRange, KeyValueStore, Write } from '../ports.ts';

/** A key-value store in memory that loses what a power loss would take. */
export interface MemoryStore extends KeyValueStore {
  /**
   * Cuts the power and starts again: every synced commit is there, and of the later ones the first `keptCommits`
   * (default none). A synced commit makes those before it durable, as LevelDB's log does.
   */
  crash(options?: { readonly keptCommits?: number }): void;
  /** Makes the next write fail with `code` and leave nothing behind. */
  failNextWrite(code: 'DISK_FULL' | 'IO_FAILED'): void;
  /** Opens again what `close` or `crash` left, as a restart of the process does. */
  reopen(): void;
}

/** Opens an empty {@link MemoryStore}. */
export function openMemoryStore(): MemoryStore {
  let durable = new Map<string, Uint8Array>();
  let live = new Map<string, Uint8Array>();
  let unsynced: (readonly Write[])[] = [];
  let failure: 'DISK_FULL' | 'IO_FAILED' | undefined;
  let open = true;

  const assertOpen = () => {
    if (!open) throw new GranaryError('INTERNAL', 'The store is closed.');
  };

  return {
    async get(key) {
      assertOpen();
      return live.get(key)?.slice();
    },
    async getMany(keys) {
      assertOpen();
      return keys.map((key) => live.get(key)?.slice());
    },
    async *entries(range: KeyRange, { signal }: AbortOptions = {}) {
      throwIfAborted(signal);
      assertOpen();
      for (const [key, value] of select(live, range)) {
        throwIfAborted(signal);
        assertOpen();
        yield [key, value.slice()] as const;
      }
    },
    async write(commit, { sync }) {
      assertOpen();
      if (failure) {
        const code = failure;
        failure = undefined;
        throw new GranaryError(code, 'The memory store was told to fail.');
      }
      const writes = commit.writes.map((write) =>
        write.kind === 'put' ? { ...write, value: write.value.slice() } : write,
      );
      apply(live, writes);
      unsynced.push(writes);
      if (!sync) return;
      for (const earlier of unsynced) apply(durable, earlier);
      unsynced = [];
    },
    async close() {
      open = false;
    },
    crash({ keptCommits = 0 } = {}) {
      for (const kept of unsynced.slice(0, keptCommits)) apply(durable, kept);
      unsynced = [];
      live = new Map(durable);
      durable = new Map(durable);
      failure = undefined;
      open = true;
    },
    failNextWrite(code) {
      failure = code;
    },
    reopen() {
      open = true;
    },
  };
}

function apply(target: Map<string, Uint8Array>, writes: readonly Write[]): void {
  for (const write of writes) {
    if (write.kind === 'put') target.set(write.key, write.value);
    else target.delete(write.key);
  }
}

function select(entries: ReadonlyMap<string, Uint8Array>, range: KeyRange): (readonly [string, Uint8Array])[] {
  const selected = [...entries]
    .filter(([key]) => compareKeys(key, range.gte) >= 0 && compareKeys(key, range.lt) < 0)
    .sort(([left], [right]) => compareKeys(left, right));
  if (range.reverse) selected.reverse();
  return range.limit === undefined ? selected : selected.slice(0, range.limit);
}

/** Byte order of UTF-8, which differs from the order of JavaScript strings beyond U+FFFF. */
function compareKeys(left: string, right: string): number {
  if (left === right) return 0;
  // Beneath the surrogates both orders agree, and nearly every key is ASCII.
  if (!/[\ud800-\uffff]/.test(left) || !/[\ud800-\uffff]/.test(right)) return left < right ? -1 : 1;
  return Buffer.compare(toUtf8(left), toUtf8(right));
}
