import { isAbsolute, join } from 'node:path';
import { fromHex, fromUtf8, GranaryError, isGranaryError } from '#core/kernel/index.ts';
import type { FileSystem } from '#core/platform/ports.ts';

const KEY_PATTERN = /^[0-9a-f]{64}\s*$/i;

/**
 * The key of a private network: a file that holds 64 hexadecimal digits, the same on all of its devices. A path that is not
 * absolute is one of the home. Errors: `CONFIG_INVALID`, which does not repeat what the file holds.
 */
export async function readNetworkKey(files: FileSystem, home: string, file: string): Promise<Uint8Array> {
  const path = isAbsolute(file) ? file : join(home, file);
  const text = await readText(files, path);
  if (text !== undefined && KEY_PATTERN.test(text)) return fromHex(text.trim().toLowerCase());
  throw new GranaryError(
    'CONFIG_INVALID',
    `sync.networkKeyFile: ${path} has to hold the key of the private network, 64 hexadecimal digits.`,
    { key: 'sync.networkKeyFile' },
  );
}

/** Undefined for a file that is not there, or is no text. */
async function readText(files: FileSystem, path: string): Promise<string | undefined> {
  try {
    return fromUtf8(await files.readFile(path));
  } catch (error) {
    if (error instanceof TypeError || isGranaryError(error, 'FILE_NOT_FOUND')) return undefined;
    throw error;
  }
}
