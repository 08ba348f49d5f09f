import { createReadStream, type WriteStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import { createBLAKE3 } from 'hash-wasm';
import { GranaryError, raceAbort, throwIfAborted, type InputFile } from '#core/kernel/index.ts';
import { SPOOL_BYTES_MAX, STEP_BYTES } from '../limits.ts';
import type { ReadOptions } from '../ports.ts';

/** The raw bytes of one input, which may be read as often as needed whatever the input is. */
export interface InputBytes extends AsyncDisposable {
  /** The first reading, to the end: it hashes, reports, and keeps a copy when the input cannot be read again. */
  first(): AsyncIterable<Uint8Array>;
  /** BLAKE3-256 over all bytes, 64 hexadecimal digits. Errors: `INTERNAL` before the first reading has ended. */
  contentHash(): string;
  /** Further readings. Errors: `IO_FAILED` when the input has another length by now. */
  again(): AsyncIterable<Uint8Array>;
  /** Writes `bytes` to a file of its own and returns its path; the file is removed with the input. */
  spool(bytes: AsyncIterable<Uint8Array>): Promise<string>;
}

export async function createInputBytes(file: InputFile, options: ReadOptions): Promise<InputBytes> {
  const { signal, report, temporaryFolder } = options;
  const hasher = await createBLAKE3();
  let contentHash: string | undefined;
  let byteCount: number | undefined;
  let folder: string | undefined;
  let copyPath: string | undefined;

  async function* counted(stage: string, open: () => AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let done = 0;
    const total = byteCount ?? file.byteCount;
    const tell = () =>
      report?.({ stage, subject: file.name, done, ...(total === undefined ? {} : { total }), unit: 'bytes' });
    tell();
    for await (const chunk of abortable(file.name, open(), signal)) {
      yield chunk;
      done += chunk.length;
      tell();
    }
    if (byteCount === undefined) byteCount = done;
    else if (byteCount !== done) {
      throw new GranaryError('IO_FAILED', `${file.name} changed while it was read. Ingest it again.`, {
        source: file.name,
      });
    }
  }

  async function freshPath(): Promise<string> {
    folder ??= await mkdtemp(join(temporaryFolder, 'read-')).catch((error: unknown) => {
      throw diskError(temporaryFolder, error);
    });
    return join(folder, crypto.randomUUID());
  }

  return {
    async *first() {
      const copy = file.replayable ? undefined : await openSpool(await freshPath(), file.name);
      try {
        for await (const chunk of counted('scanning', () => file.read())) {
          hasher.update(chunk);
          await copy?.write(chunk);
          yield chunk;
        }
        await copy?.close();
        copyPath = copy?.path;
        contentHash = hasher.digest('hex');
      } finally {
        copy?.destroy();
      }
    },
    contentHash() {
      if (contentHash !== undefined) return contentHash;
      throw new GranaryError('INTERNAL', `${file.name} has not been read to its end.`);
    },
    again: () =>
      counted('reading', () =>
        copyPath === undefined ? file.read() : createReadStream(copyPath, { highWaterMark: STEP_BYTES }),
      ),
    async spool(bytes) {
      const spool = await openSpool(await freshPath(), file.name);
      try {
        for await (const chunk of bytes) await spool.write(chunk);
        await spool.close();
        return spool.path;
      } finally {
        spool.destroy();
      }
    },
    async [Symbol.asyncDispose]() {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The chunks in steps of bounded size; stops at once on abort, also while the source is waiting for bytes. */
async function* abortable(
  name: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let isOpen = true;
  try {
    for (;;) {
      throwIfAborted(signal);
      const step = await raceAbort(iterator.next(), signal);
      if (step.done) {
        isOpen = false;
        return;
      }
      for (let at = 0; at < step.value.length; at += STEP_BYTES) yield step.value.subarray(at, at + STEP_BYTES);
    }
  } catch (error) {
    if (error instanceof GranaryError) throw error;
    isOpen = false;
    throw new GranaryError(
      'IO_FAILED',
      `Reading ${name} failed: ${(error as Error).message}.`,
      { source: name },
      { cause: error },
    );
  } finally {
    // A source that waits for bytes answers `return` only when they come: it is told, not waited for.
    if (isOpen) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

interface Spool {
  readonly path: string;
  write(chunk: Uint8Array): Promise<void>;
  close(): Promise<void>;
  /** Closes without waiting and without an error; nothing happens after `close`. */
  destroy(): void;
}

async function openSpool(path: string, name: string): Promise<Spool> {
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

function diskError(path: string, error: unknown): GranaryError {
  const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC';
  return new GranaryError(
    isFull ? 'DISK_FULL' : 'IO_FAILED',
    isFull ? `The disk of ${path} is full.` : `Writing the temporary copy ${path} failed: ${(error as Error).message}.`,
    { path },
    { cause: error },
  );
}
