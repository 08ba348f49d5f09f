import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Files synced at a time: enough to keep a disk busy, few enough to leave file handles for others. */
const SYNCS_UNDER_WAY = 16;

/**
 * Brings every file below a folder to the disk. PGlite itself never does; without this a power cut soon after an orderly
 * end could take what the end vouched for. Files that are already there cost next to nothing.
 */
export async function syncFolder(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const next = paths.values();
  const syncRest = async () => {
    for (const path of next) {
      const file = await open(path, 'r+');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    }
  };
  await Promise.all(Array.from({ length: SYNCS_UNDER_WAY }, syncRest));
}
