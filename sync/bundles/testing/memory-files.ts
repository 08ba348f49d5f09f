import { GranaryError } from '#core/kernel/index.ts';
import { bytesSource } from '#core/columnar/index.ts';
import type { BundleFiles } from '../ports.ts';

/** Files in memory by their paths. */
export interface MemoryFiles extends BundleFiles {
  readonly files: Map<string, Uint8Array>;
  /** Files that were begun and neither published nor discarded. */
  readonly unfinished: number;
}

export function createMemoryFiles(): MemoryFiles {
  const files = new Map<string, Uint8Array>();
  let unfinished = 0;
  return {
    files,
    get unfinished() {
      return unfinished;
    },
    async open(path) {
      const bytes = files.get(path);
      if (!bytes) throw new GranaryError('FILE_NOT_FOUND', `There is no ${path}.`);
      return bytesSource(bytes);
    },
    async create(path) {
      const parts: Uint8Array[] = [];
      unfinished += 1;
      return {
        write: async (bytes) => void parts.push(bytes.slice()),
        async publish() {
          unfinished -= 1;
          files.set(path, Uint8Array.from(Buffer.concat(parts)));
        },
        async discard() {
          unfinished -= 1;
        },
      };
    },
  };
}
