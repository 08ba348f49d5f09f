import { GranaryError } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import type { Draft, SealedFolder } from '../ports.ts';
import type { SealedName } from '../sealed-segment.ts';

/** A sealed folder in memory that loses what a power loss would take. */
export interface MemorySealedFolder extends SealedFolder {
  /** Names of all files: `<name>.sealed`, `<name>.tree`, `<name>.partial`, `<number>.tmp`. */
  fileNames(): string[];
  /** The bytes of a file, to be looked at or damaged in place. */
  bytesOf(fileName: string): Uint8Array;
  /** After so many more writes every call fails with `IO_FAILED` until `crash`. */
  cutPowerAfter(writeCount: number): void;
  /**
   * Starts again after a power loss. Each write that was not made durable by `publish` is kept or lost as `keeps` says,
   * whatever the order they were made in.
   */
  crash(keeps: () => boolean): void;
}

interface File {
  bytes: Uint8Array;
  /** Writes that the power loss may take, oldest first, with what lay there before. */
  unsynced: { readonly offset: number; readonly before: Uint8Array }[];
}

export function createMemorySealedFolder(): MemorySealedFolder {
  const files = new Map<string, File>();
  let writesLeft = Number.POSITIVE_INFINITY;
  let draftCount = 0;
  const failed = (what: string) => new GranaryError('IO_FAILED', `The memory folder cannot ${what}.`);
  const assertPower = () => {
    if (writesLeft <= 0) throw failed('be reached: its power is cut');
  };

  function readFrom(file: File, offset: number, byteCount: number): Uint8Array {
    assertPower();
    if (offset + byteCount > file.bytes.length) throw failed('read past the end of a file');
    return file.bytes.slice(offset, offset + byteCount);
  }

  function draftOf(fileName: string): Draft {
    assertPower();
    const file = files.get(fileName) ?? { bytes: new Uint8Array(), unsynced: [] };
    files.set(fileName, file);
    const resize = (byteCount: number) => {
      const bytes = new Uint8Array(byteCount);
      bytes.set(file.bytes.subarray(0, byteCount));
      file.bytes = bytes;
    };
    return {
      byteCount: file.bytes.length,
      async resize(byteCount) {
        assertPower();
        resize(byteCount);
      },
      async read(offset, byteCount) {
        return readFrom(file, offset, byteCount);
      },
      async write(offset, bytes) {
        assertPower();
        writesLeft -= 1;
        if (offset + bytes.length > file.bytes.length) resize(offset + bytes.length);
        file.unsynced.push({ offset, before: file.bytes.slice(offset, offset + bytes.length) });
        file.bytes.set(bytes, offset);
      },
      async publish(name, byteCount, as = 'sealed') {
        assertPower();
        resize(byteCount);
        file.unsynced = [];
        files.delete(fileName);
        files.set(`${name}.${as}`, file);
      },
      async discard() {
        files.delete(fileName);
      },
      async close() {},
    };
  }

  async function openFile(fileName: string): Promise<ByteSource | undefined> {
    assertPower();
    const file = files.get(fileName);
    return (
      file && {
        byteCount: file.bytes.length,
        read: async (offset, byteCount) => readFrom(file, offset, byteCount),
        close: async () => undefined,
      }
    );
  }

  return {
    open: (name) => openFile(`${name}.sealed`),
    openTree: (name) => openFile(`${name}.tree`),
    createDraft: async () => draftOf(`${draftCount++}.tmp`),
    openPartial: async (name) => draftOf(`${name}.partial`),
    async listPartials() {
      assertPower();
      return [...files]
        .filter(([fileName]) => fileName.endsWith('.partial'))
        .map(([fileName, { bytes }]) => ({
          name: fileName.slice(0, -'.partial'.length) as SealedName,
          byteCount: bytes.length,
        }));
    },
    async remove(name) {
      for (const suffix of ['sealed', 'partial', 'tree']) files.delete(`${name}.${suffix}`);
    },
    async removeLeaves(name) {
      for (const suffix of ['sealed', 'partial']) files.delete(`${name}.${suffix}`);
    },
    fileNames: () => [...files.keys()].sort(),
    bytesOf(fileName) {
      const file = files.get(fileName);
      if (!file) throw new Error(`There is no file ${fileName}.`);
      return file.bytes;
    },
    cutPowerAfter(writeCount) {
      writesLeft = writeCount;
    },
    crash(keeps) {
      writesLeft = Number.POSITIVE_INFINITY;
      for (const file of files.values()) {
        for (const { offset, before } of file.unsynced.reverse()) {
          if (!keeps()) file.bytes.set(before, offset);
        }
        file.unsynced = [];
      }
    },
  };
}
