import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { concatBytes, GranaryError } from '#core/kernel/index.ts';
import type { PictureOutput } from '../operations.ts';

export interface SavedPicture {
  readonly column: string;
  readonly path: string;
}

/**
 * Writes the pictures of a call's output stream into a folder, which is made when it is not there: `1-name.png` and so on,
 * in the order of the columns. Errors: `IO_FAILED`, those of the call.
 */
export async function savePictures(
  folder: string,
  call: (write: (chunk: Uint8Array) => Promise<void>) => Promise<unknown>,
): Promise<SavedPicture[]> {
  const chunks: Uint8Array[] = [];
  const { pictures } = (await call(async (chunk) => void chunks.push(chunk))) as PictureOutput;
  const bytes = concatBytes(chunks);
  const saved = pictures.map(({ column }, i) => ({ column, path: join(folder, fileName(column, i, pictures.length)) }));
  try {
    await mkdir(folder, { recursive: true });
    let at = 0;
    for (const [i, { byteCount }] of pictures.entries()) {
      await writeFile(saved[i]!.path, bytes.subarray(at, at + byteCount));
      at += byteCount;
    }
  } catch (error) {
    throw new GranaryError('IO_FAILED', `The pictures cannot be written to ${folder}: ${(error as Error).message}`, {
      path: folder,
    });
  }
  return saved;
}

/** A name of a column is anybody's text: only letters and digits of it come into the file's name. */
function fileName(column: string, index: number, count: number): string {
  const number = String(index + 1).padStart(String(count).length, '0');
  const name = column.replaceAll(/[^\p{L}\p{N}]+/gu, '-').slice(0, 40);
  return `${number}-${name}.png`;
}
