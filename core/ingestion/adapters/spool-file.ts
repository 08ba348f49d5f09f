import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GranaryError, type InputFile, throwIfAborted } from '#core/kernel/index.ts';
import { SPOOL_BYTES_MAX } from '../limits.ts';

/**
 * Copies a file that can be read only once into `folder`, from where it can be read again. The caller removes the folder.
 * Errors: `LIMIT_EXCEEDED`, `DISK_FULL`, `IO_FAILED`, those of the file, `CANCELLED`.
 */
export async function spoolFile(file: InputFile, folder: string, signal: AbortSignal): Promise<InputFile> {
  const path = join(folder, crypto.randomUUID());
  let byteCount = 0;
  const copy = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of file.read()) {
      throwIfAborted(signal);
      byteCount += chunk.length;
      if (byteCount > SPOOL_BYTES_MAX) {
        throw new GranaryError('LIMIT_EXCEEDED', `${file.name} is larger than ${SPOOL_BYTES_MAX} bytes.`);
      }
      await copy.write(chunk).catch((error: NodeJS.ErrnoException) => {
        const code = error.code === 'ENOSPC' ? 'DISK_FULL' : 'IO_FAILED';
        throw new GranaryError(
          code,
          `${file.name} cannot be copied to ${folder}: ${error.message}.`,
          {},
          { cause: error },
        );
      });
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await copy.close();
  }
  return { name: file.name, byteCount, replayable: true, read: () => createReadStream(path) };
}
