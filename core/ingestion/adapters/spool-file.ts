import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { type InputFile, throwIfAborted } from '#core/kernel/index.ts';
import { openSpool } from './spool.ts';

/**
 * Copies a file that can be read only once into `folder`, from where it can be read again. The caller removes the folder.
 * Errors: `LIMIT_EXCEEDED`, `DISK_FULL`, `IO_FAILED`, those of the file, `CANCELLED`.
 */
export async function spoolFile(file: InputFile, folder: string, signal: AbortSignal): Promise<InputFile> {
  const path = join(folder, crypto.randomUUID());
  const copy = await openSpool(path, file.name);
  let byteCount = 0;
  try {
    for await (const chunk of file.read()) {
      throwIfAborted(signal);
      byteCount += chunk.length;
      await copy.write(chunk);
    }
    await copy.close();
  } finally {
    copy.destroy();
  }
  return { name: file.name, byteCount, replayable: true, read: () => createReadStream(path) };
}
