import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asGranaryError, GranaryError } from '#core/kernel/index.ts';

/**
 * Writes beside the file and renames at the end: a call that fails leaves what was there before. Errors: `IO_FAILED`,
 * `DISK_FULL`, those of `fill`.
 */
export async function replaceFile<T>(
  path: string,
  fill: (write: (chunk: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  let complete = false;
  try {
    const file = await open(temporary, 'wx');
    try {
      const result = await fill(async (chunk) => {
        await file.writeFile(chunk);
      });
      await file.sync();
      await file.close();
      await rename(temporary, path);
      complete = true;
      return result;
    } finally {
      if (!complete) await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR' || code === 'ENOTDIR') {
      throw new GranaryError(
        'IO_FAILED',
        `${path} cannot be written: check ${dirname(path)}.`,
        { path },
        { cause: error },
      );
    }
    if (code === 'ENOSPC') throw new GranaryError('DISK_FULL', `The disk is full; ${path} was not written.`, { path });
    throw asGranaryError(error);
  } finally {
    if (!complete) await rm(temporary, { force: true });
  }
}
