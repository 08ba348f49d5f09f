import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SegmentHash } from '#core/kernel/index.ts';
import { fileError, syncDirectory } from '#core/platform/index.ts';
import type { StorePlain } from '../ports.ts';

/**
 * Opened segments as files: written beside their name, synced, renamed. `pathOf` is the path of a segment, in a folder that
 * must be there. Errors: `DISK_FULL`, `IO_FAILED`; those of the pieces, which leave nothing behind.
 */
export const createNodeStorePlain =
  (pathOf: (hash: SegmentHash) => string): StorePlain =>
  async (segment, pieces) => {
    const path = pathOf(segment.hash);
    const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
    const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work();
      } catch (error) {
        throw fileError(error, 'write', path);
      }
    };
    const handle = await attempt(() => open(temporary, 'wx'));
    try {
      for await (const piece of pieces) await attempt(() => handle.writeFile(piece));
      await attempt(() => handle.sync());
    } catch (error) {
      await handle.close().catch(() => undefined);
      await rm(temporary, { force: true });
      throw error;
    }
    await attempt(async () => {
      await handle.close();
      await rename(temporary, path);
      await syncDirectory(dirname(path));
    });
  };
