import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { GranaryError, type ErrorCode } from '#core/kernel/index.ts';
import type { ByteSource, FileSystem } from './ports.ts';

/** What the operating system's error codes mean to a caller; every other one is `IO_FAILED`. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'FILE_NOT_FOUND',
  ENOTDIR: 'FILE_NOT_FOUND',
  EACCES: 'FILE_UNREADABLE',
  EPERM: 'FILE_UNREADABLE',
  EISDIR: 'FILE_UNREADABLE',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
};

const WHAT_TO_DO: Partial<Record<ErrorCode, string>> = {
  FILE_NOT_FOUND: 'There is no such file or folder. Check the spelling.',
  FILE_UNREADABLE: 'It is a folder or its permissions forbid it. Check both.',
  DISK_FULL: 'The disk is full. Free some space and try again.',
};

/** The error of a call of `node:fs` as the product's own. `doing` is a verb phrase such as `read`. */
export function fileError(error: unknown, doing: string, path: string): GranaryError {
  if (error instanceof GranaryError) return error;
  const systemCode = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  const code = CODES[systemCode] ?? 'IO_FAILED';
  const advice = WHAT_TO_DO[code] ?? 'Check the disk.';
  return new GranaryError(
    code,
    `Cannot ${doing} ${JSON.stringify(path)} (${systemCode}). ${advice}`,
    { path, systemCode },
    { cause: error },
  );
}

async function attempt<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, doing, path);
  }
}

/** The disk of this machine, through `node:fs`. */
export function createNodeFileSystem(): FileSystem {
  return {
    readFile: (path) => attempt('read', path, async () => new Uint8Array(await readFile(path))),
    open: (path) => attempt('open', path, () => openSource(path)),
    fileSize: (path) =>
      attempt('look at', path, async () => {
        try {
          const found = await stat(path);
          return found.isFile() ? found.size : undefined;
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      }),
    list: (directory) =>
      attempt('list', directory, async () => {
        const found = await readdir(directory, { withFileTypes: true });
        return found
          .map((entry) => ({
            name: entry.name,
            kind: entry.isFile()
              ? ('file' as const)
              : entry.isDirectory()
                ? ('directory' as const)
                : ('other' as const),
          }))
          .sort((left, right) => (left.name < right.name ? -1 : 1));
      }),
    makeDirectory: (path) => attempt('create the folder', path, () => makeDirectory(path)),
    writeFileAtomic: (path, bytes, options) =>
      attempt('write', path, () => writeFileAtomic(path, bytes, options?.mode ?? 0o666)),
    remove: (path) =>
      attempt('remove', path, async () => {
        await rm(path, { recursive: true, force: true });
      }),
  };
}

const isMissing = (error: unknown) =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

async function openSource(path: string): Promise<ByteSource> {
  const handle = await open(path, 'r');
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EISDIR' });
    return createSource(path, handle, found.size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function createSource(path: string, handle: FileHandle, size: number): ByteSource {
  return {
    byteCount: size,
    read: (offset, byteCount) =>
      attempt('read', path, async () => {
        const bytes = new Uint8Array(byteCount);
        let filled = 0;
        while (filled < byteCount) {
          const { bytesRead } = await handle.read(bytes, filled, byteCount - filled, offset + filled);
          if (bytesRead === 0) {
            throw new GranaryError(
              'IO_FAILED',
              `${JSON.stringify(path)} ends before byte ${offset + byteCount}. Copy the file again.`,
              { path, offset, byteCount },
            );
          }
          filled += bytesRead;
        }
        return bytes;
      }),
    close: () => attempt('close', path, () => handle.close()),
  };
}

async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  // A new folder is durable once the folder that names it is: sync from the innermost parent to the outermost.
  const outermost = dirname(resolve(first));
  for (let parent = dirname(resolve(path)); ; parent = dirname(parent)) {
    await syncDirectory(parent);
    if (parent === outermost) return;
  }
}

async function writeFileAtomic(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', mode);
  try {
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // The first failure is the one to report; a left-over temporary file is removed at the next start.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes the names in a folder durable: after a file was made, renamed or removed there. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a folder; NTFS journals names itself.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
