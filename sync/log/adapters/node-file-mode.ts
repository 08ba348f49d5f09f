import { stat } from 'node:fs/promises';
import { GranaryError } from '#core/kernel/index.ts';
import type { ReadFileMode } from '../ports.ts';

/** Permission bits by `stat`; Windows keeps access lists instead, so there it answers undefined. */
export const readNodeFileMode: ReadFileMode = async (path) => {
  if (process.platform === 'win32') return undefined;
  try {
    return (await stat(path)).mode & 0o777;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new GranaryError('IO_FAILED', `The permissions of ${path} cannot be read.`, { path }, { cause });
  }
};
