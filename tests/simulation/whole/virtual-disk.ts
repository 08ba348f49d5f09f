import { GranaryError } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import { type MemoryStore, openMemoryStore } from '#core/platform/testing/memory-store.ts';

const everything = { gte: '', lt: '~' };

export type DiskCopy = readonly (readonly [string, Uint8Array])[];

/** The disk of a device, whose power can go at any write. */
export interface VirtualDisk {
  /** Writes until the power goes; Infinity on a good day. */
  powerLeft: number;
  readonly isOff: boolean;
  /** The store of the next boot; what was not synced before a loss of power is gone. */
  boot(): KeyValueStore;
  /** Ends the boot that runs: nothing of it works any more. */
  cutPower(): void;
  /** All that is on it now. */
  copy(): Promise<DiskCopy>;
  /** Ends the boot that runs, and puts a copy in place of what was there. */
  restore(copy: DiskCopy): Promise<void>;
}

export function createVirtualDisk(): VirtualDisk {
  let store: MemoryStore = openMemoryStore();
  let power = { isOff: true };
  const disk: VirtualDisk = {
    powerLeft: Infinity,
    get isOff() {
      return power.isOff;
    },
    boot() {
      store.crash();
      disk.powerLeft = Infinity;
      power = { isOff: false };
      return powered(power);
    },
    cutPower() {
      power.isOff = true;
    },
    copy: () => Array.fromAsync(store.entries(everything)),
    async restore(copy) {
      power.isOff = true;
      store = openMemoryStore();
      const commit = new Commit();
      for (const [key, value] of copy) commit.put(key, value);
      await store.write(commit, { sync: true });
    },
  };
  return disk;

  function powered(boot: { isOff: boolean }): KeyValueStore {
    const requirePower = () => {
      if (boot.isOff) throw new GranaryError('IO_FAILED', 'The power went.');
    };
    return {
      async get(key) {
        requirePower();
        return store.get(key);
      },
      async getMany(keys) {
        requirePower();
        return store.getMany(keys);
      },
      async *entries(range, options) {
        requirePower();
        yield* store.entries(range, options);
      },
      async write(commit, options) {
        requirePower();
        if (disk.powerLeft <= 0) boot.isOff = true;
        // The power may go before a batch is on the disk, or after and before anybody knows.
        if (boot.isOff && commit.writes.length % 2 === 0) requirePower();
        await store.write(commit, options);
        requirePower();
        disk.powerLeft -= 1;
      },
      close: async () => undefined,
    };
  }
}
