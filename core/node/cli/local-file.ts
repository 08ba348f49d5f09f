import { createReadStream } from 'node:fs';
import type { InputFile } from '#core/kernel/index.ts';

/** A file of this machine for a call, under the name that the node shall know. */
export const localFile = (path: string, name: string, byteCount: number): InputFile => ({
  name,
  byteCount,
  replayable: true,
  read: () => createReadStream(path),
});

/** Files in the form in which a call takes them. */
export async function* each(files: Iterable<InputFile>): AsyncGenerator<InputFile> {
  yield* files;
}
