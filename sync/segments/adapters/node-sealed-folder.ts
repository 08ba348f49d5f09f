import { randomBytes } from 'node:crypto';
import { constants, type FileHandle, open as openFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GranaryError, isGranaryError } from '#core/kernel/index.ts';
import { createNodeFileSystem, fileError, syncDirectory } from '#core/platform/index.ts';
import type { Draft, SealedFolder } from '../ports.ts';
import { isSealedName, type SealedName } from '../sealed-segment.ts';

const PARTIAL = '.partial';

/**
 * Sealed files in a folder of this machine, which must be there: `<name>.sealed` is whole, `<name>.tree` is the tree of a
 * segment that lies opened elsewhere, `<name>.partial` is being received and outlives restarts, `<random>.tmp` is being
 * sealed and is worthless after one.
 */
export function createNodeSealedFolder(folder: string): SealedFolder {
  const files = createNodeFileSystem();
  const open = async (fileName: string) => {
    try {
      return await files.open(join(folder, fileName));
    } catch (error) {
      if (isGranaryError(error, 'FILE_NOT_FOUND')) return undefined;
      throw error;
    }
  };
  const remove = async (name: SealedName, suffixes: readonly string[]) => {
    for (const suffix of suffixes) await files.remove(join(folder, `${name}.${suffix}`));
  };
  return {
    open: (name) => open(`${name}.sealed`),
    openTree: (name) => open(`${name}.tree`),
    createDraft: () => openDraft(folder, `${randomBytes(8).toString('hex')}.tmp`),
    openPartial: (name) => openDraft(folder, `${name}.partial`),
    async listPartials() {
      const found = [];
      for (const { name: fileName } of await files.list(folder)) {
        const name = fileName.slice(0, -PARTIAL.length);
        if (!fileName.endsWith(PARTIAL) || !isSealedName(name)) continue;
        const byteCount = await files.fileSize(join(folder, fileName));
        if (byteCount !== undefined) found.push({ name, byteCount });
      }
      return found;
    },
    remove: (name) => remove(name, ['sealed', 'partial', 'tree']),
    removeLeaves: (name) => remove(name, ['sealed', 'partial']),
  };
}

async function openDraft(folder: string, fileName: string): Promise<Draft> {
  const path = join(folder, fileName);
  const attempt = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw fileError(error, doing, path);
    }
  };
  const handle = await attempt('open', () => openFile(path, constants.O_RDWR | constants.O_CREAT, 0o600));
  const { size } = await attempt('look at', () => handle.stat());
  return {
    byteCount: size,
    resize: (byteCount) => attempt('resize', () => handle.truncate(byteCount)),
    read: (offset, byteCount) => attempt('read', () => readExactly(handle, path, offset, byteCount)),
    write: (offset, bytes) => attempt('write', () => writeAll(handle, offset, bytes)),
    publish: (name, byteCount, as = 'sealed') =>
      attempt('store', async () => {
        await handle.truncate(byteCount);
        await handle.sync();
        await handle.close();
        await rename(path, join(folder, `${name}.${as}`));
        await syncDirectory(folder);
      }),
    discard: () =>
      attempt('remove', async () => {
        await handle.close();
        await rm(path, { force: true });
      }),
    close: () => attempt('close', () => handle.close()),
  };
}

async function readExactly(handle: FileHandle, path: string, offset: number, byteCount: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteCount);
  for (let filled = 0; filled < byteCount;) {
    const { bytesRead } = await handle.read(bytes, filled, byteCount - filled, offset + filled);
    if (bytesRead === 0) throw new GranaryError('IO_FAILED', `${JSON.stringify(path)} ends early.`, { path, offset });
    filled += bytesRead;
  }
  return bytes;
}

async function writeAll(handle: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  }
}
