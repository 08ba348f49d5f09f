import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createNodeFileSystem, fileError, syncDirectory } from '#core/platform/index.ts';
import type { BundleFiles, NewFile } from '../ports.ts';

/** Files of this machine. What is being written is called `<path>.<random>.tmp` and can be read by its owner alone. */
export function createNodeBundleFiles(): BundleFiles {
  return { open: (path) => createNodeFileSystem().open(path), create: createFile };
}

async function createFile(path: string): Promise<NewFile> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  const attempt = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw fileError(error, doing, path);
    }
  };
  const handle = await attempt('create', () => open(temporary, 'wx', 0o600));
  return {
    write: (bytes) => attempt('write', () => handle.appendFile(bytes)),
    publish: () =>
      attempt('store', async () => {
        await handle.sync();
        await handle.close();
        await rename(temporary, path);
        await syncDirectory(dirname(path));
      }),
    discard: () =>
      attempt('remove', async () => {
        await handle.close();
        await rm(temporary, { force: true });
      }),
  };
}
