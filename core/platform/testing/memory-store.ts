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
  /** Of `live`, in order. */
  let keys: string[] = [];
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
      for (const [key, value] of select(keys, live, range)) {
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
      for (const write of writes) {
        if (live.has(write.key) !== (write.kind === 'put')) toggle(keys, write.key);
        apply(live, [write]);
      }
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
      keys = [...live.keys()].sort(compareKeys);
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

function select(
  keys: readonly string[],
  entries: ReadonlyMap<string, Uint8Array>,
  range: KeyRange,
): (readonly [string, Uint8Array])[] {
  const selected = keys.slice(placeOf(keys, range.gte), placeOf(keys, range.lt));
  if (range.reverse) selected.reverse();
  return selected.slice(0, range.limit).map((key) => [key, entries.get(key)!]);
}

/** Adds a key in its place, or takes it away. */
function toggle(keys: string[], key: string): void {
  const place = placeOf(keys, key);
  if (keys[place] === key) keys.splice(place, 1);
  else keys.splice(place, 0, key);
}

/** How many keys are less. */
function placeOf(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys(keys[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Byte order of UTF-8, which differs from the order of JavaScript strings beyond U+FFFF. */
function compareKeys(left: string, right: string): number {
  if (left === right) return 0;
  // Beneath the surrogates both orders agree, and nearly every key is ASCII.
  if (!/[\ud800-\uffff]/.test(left) || !/[\ud800-\uffff]/.test(right)) return left < right ? -1 : 1;
  return Buffer.compare(toUtf8(left), toUtf8(right));
}
