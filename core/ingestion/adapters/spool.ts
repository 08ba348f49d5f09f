import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { GranaryError } from '#core/kernel/index.ts';
import { SPOOL_BYTES_MAX, STEP_BYTES } from '../limits.ts';

/** A temporary copy that is being written. */
export interface Spool {
  readonly path: string;
  write(chunk: Uint8Array): Promise<void>;
  close(): Promise<void>;
  /** Closes without waiting and without an error; nothing happens after `close`. */
  destroy(): void;
}

/** Opens a new file for the copy of the input `name`. Errors of its writes: `LIMIT_EXCEEDED`, `DISK_FULL`, `IO_FAILED`. */
export async function openSpool(path: string, name: string): Promise<Spool> {
  let written = 0;
  let failure: unknown;
  const stream: WriteStream = createWriteStream(path, { mode: 0o600, highWaterMark: STEP_BYTES });
  stream.on('error', (error) => (failure = error));
  const guard = async (work: Promise<unknown>) => {
    try {
      await work;
    } catch (error) {
      throw diskError(path, error);
    }
  };
  return {
    path,
    async write(chunk) {
      if (failure !== undefined) throw diskError(path, failure);
      written += chunk.length;
      if (written > SPOOL_BYTES_MAX) {
        throw new GranaryError(
          'LIMIT_EXCEEDED',
          `${name} needs a temporary copy of more than ${SPOOL_BYTES_MAX} bytes.`,
          {
            source: name,
            limit: SPOOL_BYTES_MAX,
          },
        );
      }
      // The caller may use the chunk's memory again as soon as this resolves.
      if (!stream.write(Uint8Array.from(chunk))) await guard(once(stream, 'drain'));
    },
    async close() {
      if (failure !== undefined) throw diskError(path, failure);
      const finished = once(stream, 'close');
      stream.end();
      await guard(finished);
    },
    destroy: () => void stream.destroy(),
  };
}

/** What writing a temporary copy at `path` met. */
export function diskError(path: string, error: unknown): GranaryError {
  const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC';
  return new GranaryError(
    isFull ? 'DISK_FULL' : 'IO_FAILED',
    isFull ? `The disk of ${path} is full.` : `Writing the temporary copy ${path} failed: ${(error as Error).message}.`,
    { path },
    { cause: error },
  );
}
