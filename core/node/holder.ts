import { join } from 'node:path';
import { z } from 'zod';
import { fromUtf8, isGranaryError, toUtf8 } from '#core/kernel/index.ts';
import type { FileSystem } from '#core/platform/ports.ts';

const holderSchema = z.object({
  pid: z.int(),
  command: z.string(),
  startedAt: z.number(),
  /** Where the holder serves its API; absent for a command that only works on its own. */
  api: z.object({ host: z.string(), port: z.int(), token: z.string() }).optional(),
});

/** The process that holds a home: who it is, and how to talk to it. Readable by the owner of the home only. */
export type Holder = z.output<typeof holderSchema>;

const holderPath = (home: string): string => join(home, 'holder.json');

/** The holder as last written; undefined when there is none or the file makes no sense (then the lock decides). */
export async function readHolder(files: FileSystem, home: string): Promise<Holder | undefined> {
  try {
    return holderSchema.parse(JSON.parse(fromUtf8(await files.readFile(holderPath(home)))));
  } catch (error) {
    if (isGranaryError(error) && error.code !== 'FILE_NOT_FOUND') throw error;
    return undefined;
  }
}

export async function writeHolder(files: FileSystem, home: string, holder: Holder): Promise<void> {
  await files.writeFileAtomic(holderPath(home), toUtf8(JSON.stringify(holder)), { mode: 0o600 });
}

export const removeHolder = (files: FileSystem, home: string): Promise<void> => files.remove(holderPath(home));
