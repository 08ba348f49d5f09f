import { homedir } from 'node:os';
import { join } from 'node:path';
import { isGranaryError, toHex } from '#core/kernel/index.ts';
import type { FileSystem } from '#core/platform/ports.ts';
import type { IncarnationMarker } from '#sync/log/index.ts';

/**
 * A file of this user's state folder (XDG base directories), named by the device's key: whoever restores a home from a copy
 * does not restore it too, so that the logs of the copy are not continued.
 */
export function createIncarnationMarker(files: FileSystem, device: Uint8Array): IncarnationMarker {
  const folder = join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'granary');
  const path = join(folder, `incarnation-${toHex(device.subarray(0, 16))}`);
  return {
    async read() {
      try {
        return await files.readFile(path);
      } catch (error) {
        if (isGranaryError(error, 'FILE_NOT_FOUND')) return undefined;
        throw error;
      }
    },
    async write(bytes) {
      await files.makeDirectory(folder);
      await files.writeFileAtomic(path, bytes, { mode: 0o600 });
    },
  };
}
