import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createBLAKE3 } from 'hash-wasm';
import { GranaryError, raceAbort, throwIfAborted, type InputFile } from '#core/kernel/index.ts';
import { STEP_BYTES } from '../limits.ts';
import type { ReadOptions } from '../ports.ts';
import { diskError, openSpool } from './spool.ts';

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
