import { basename, dirname, resolve } from 'node:path';
import { GranaryError } from '#core/kernel/index.ts';
import type { ByteSource, FileEntry, FileSystem } from '../ports.ts';

/** A file system in memory that loses what a power loss would take. */
export interface MemoryFileSystem extends FileSystem {
  /** How many bytes may still be written before `DISK_FULL`; undefined for no limit. */
  limitFreeBytes(byteCount: number | undefined): void;
  /**
   * Cuts the power after `stepCount` more steps of the disk (a write, a sync, a rename, a removal): the steps after it and
   * every later call fail with `IO_FAILED` until `crash`.
   */
  cutPowerAfter(stepCount: number): void;
  /** Steps of the disk since the start, to choose a moment for `cutPowerAfter`. */
  readonly stepCount: number;
  /**
   * Starts again after a power loss. What was not synced is gone; with `unsynced: 'kept'` it reached the disk by chance,
   * with `'torn'` the names did and half of each file.
   */
  crash(options?: { readonly unsynced?: 'lost' | 'kept' | 'torn' }): void;
}

/** Content and what of it is on the disk for certain. */
interface Inode {
  live: Uint8Array;
  durable: Uint8Array;
}

/** An empty {@link MemoryFileSystem}: only the root folder is there. Paths are resolved like those of the real one. */
export function createMemoryFileSystem(): MemoryFileSystem {
  let names = new Map<string, Inode>();
  let durableNames = new Map<string, Inode>();
  const directories = new Set([resolve('/')]);
  let freeBytes: number | undefined;
  let stepsLeft = Number.POSITIVE_INFINITY;
  let stepCount = 0;
  let temporaryCount = 0;

  const fail = (code: 'FILE_NOT_FOUND' | 'FILE_UNREADABLE' | 'DISK_FULL' | 'IO_FAILED', path: string) =>
    new GranaryError(code, `The memory file system cannot use ${JSON.stringify(path)}.`, { path });
  const assertPower = (path: string) => {
    if (stepsLeft <= 0) throw fail('IO_FAILED', path);
  };
  const step = (path: string) => {
    assertPower(path);
    stepsLeft -= 1;
    stepCount += 1;
  };
  const find = (path: string): Inode => {
    assertPower(path);
    if (directories.has(path)) throw fail('FILE_UNREADABLE', path);
    const inode = names.get(path);
    if (!inode) throw fail('FILE_NOT_FOUND', path);
    return inode;
  };
  const isWithin = (path: string, directory: string) => path.startsWith(directory === '/' ? '/' : `${directory}/`);

  function write(path: string, bytes: Uint8Array): void {
    const directory = dirname(path);
    if (!directories.has(directory)) throw fail('FILE_NOT_FOUND', path);
    temporaryCount += 1;
    const temporary = `${path}.${temporaryCount}.tmp`;
    const inode: Inode = { live: new Uint8Array(), durable: new Uint8Array() };
    step(temporary);
    names.set(temporary, inode);
    if (freeBytes !== undefined && bytes.length > freeBytes) {
      names.delete(temporary);
      throw fail('DISK_FULL', path);
    }
    step(temporary);
    inode.live = bytes.slice();
    if (freeBytes !== undefined) freeBytes -= bytes.length;
    step(temporary);
    inode.durable = inode.live;
    step(path);
    if (directories.has(path)) {
      names.delete(temporary);
      throw fail('FILE_UNREADABLE', path);
    }
    names.delete(temporary);
    names.set(path, inode);
    step(directory);
    for (const name of durableNames.keys()) if (dirname(name) === directory) durableNames.delete(name);
    for (const [name, found] of names) if (dirname(name) === directory) durableNames.set(name, found);
  }

  return {
    async readFile(path) {
      return find(resolve(path)).live.slice();
    },
    async open(path): Promise<ByteSource> {
      const bytes = find(resolve(path)).live;
      return {
        byteCount: bytes.length,
        async read(offset, byteCount) {
          assertPower(path);
          if (offset + byteCount > bytes.length) throw fail('IO_FAILED', path);
          return bytes.slice(offset, offset + byteCount);
        },
        async close() {},
      };
    },
    async fileSize(path) {
      assertPower(path);
      return names.get(resolve(path))?.live.length;
    },
    async list(path) {
      const directory = resolve(path);
      assertPower(directory);
      if (!directories.has(directory)) throw fail('FILE_NOT_FOUND', directory);
      const entry = (name: string, kind: FileEntry['kind']) => ({ name: basename(name), kind });
      const within = (name: string) => name !== directory && dirname(name) === directory;
      return [
        ...[...names.keys()].filter(within).map((name) => entry(name, 'file')),
        ...[...directories].filter(within).map((name) => entry(name, 'directory')),
      ].sort((left, right) => (left.name < right.name ? -1 : 1));
    },
    async makeDirectory(path) {
      assertPower(path);
      for (let directory = resolve(path); !directories.has(directory); directory = dirname(directory)) {
        if (names.has(directory)) throw fail('IO_FAILED', directory);
        directories.add(directory);
      }
    },
    async writeFileAtomic(path, bytes) {
      write(resolve(path), bytes);
    },
    async remove(path) {
      const target = resolve(path);
      step(target);
      for (const name of names.keys()) if (name === target || isWithin(name, target)) names.delete(name);
      for (const name of directories) if (name === target || isWithin(name, target)) directories.delete(name);
    },
    limitFreeBytes(byteCount) {
      freeBytes = byteCount;
    },
    cutPowerAfter(count) {
      stepsLeft = count;
    },
    get stepCount() {
      return stepCount;
    },
    crash({ unsynced = 'lost' } = {}) {
      if (unsynced === 'lost') names = new Map(durableNames);
      for (const inode of names.values()) {
        if (unsynced === 'lost') inode.live = inode.durable;
        if (unsynced === 'torn' && inode.live !== inode.durable) {
          inode.live = inode.live.slice(0, inode.live.length >> 1);
        }
        inode.durable = inode.live;
      }
      durableNames = new Map(names);
      // A removal that was not synced comes undone, together with the folders it took.
      for (const name of names.keys()) {
        for (let parent = dirname(name); !directories.has(parent); parent = dirname(parent)) directories.add(parent);
      }
      stepsLeft = Number.POSITIVE_INFINITY;
      freeBytes = undefined;
    },
  };
}
