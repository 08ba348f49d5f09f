import { Worker } from 'node:worker_threads';
import { type RecordBatch, type Table, tableFromIPC } from 'apache-arrow';
import { GranaryError, raceAbort } from '#core/kernel/index.ts';
import { createConformer } from '../conform-batch.ts';
import { DECODER_HEAP_MEBIBYTES_MAX } from '../limits.ts';
import type { BinaryFile, BinaryFormat, BinaryReply } from './binary-protocol.ts';
import type { OpenContent } from './content.ts';

/**
 * Opens a file of a binary format: it is copied to the temporary folder and decoded in a thread of its own, one batch
 * ahead of the reader. Errors: `FILE_TRUNCATED`, `FILE_FORMAT`, `TYPE_UNSUPPORTED`, `UNSUPPORTED`, `LIMIT_EXCEEDED`,
 * `FILE_SCHEMA`, `SCHEMA_MISMATCH`.
 */
export const openBinary =
  (format: BinaryFormat): OpenContent =>
  async (content, options) => {
    const decoder = startDecoder({ format, name: content.name, path: await content.spool() });
    const next = () => raceAbort(decoder.next(), options.signal);
    async function* batches(): AsyncGenerator<RecordBatch> {
      let coming = next();
      for (;;) {
        const piece = await coming;
        if (!piece) return;
        coming = next();
        // Whoever stops reading does not wait for the piece that is coming.
        coming.catch(() => undefined);
        yield* parse(content.name, piece).batches;
      }
    }
    try {
      const { schema } = parse(content.name, (await next())!);
      const conformer = createConformer(content.name, schema, options);
      return {
        schema: conformer.schema,
        notes: conformer.notes,
        batches: () => conformer.batches(batches()),
        close: decoder.close,
      };
    } catch (error) {
      await decoder.close();
      throw error;
    }
  };

/** What the decoder passes on may still name types that do not exist. */
function parse(name: string, piece: Uint8Array): Table {
  try {
    return tableFromIPC(piece);
  } catch (error) {
    throw damaged(name, error);
  }
}

interface Decoder {
  /** The next piece; undefined at the end. One call at a time. */
  next(): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

function startDecoder(file: BinaryFile): Decoder {
  const worker = new Worker(new URL('./binary-worker.ts', import.meta.url), {
    workerData: file,
    resourceLimits: { maxOldGenerationSizeMb: DECODER_HEAP_MEBIBYTES_MAX },
  });
  let failure: GranaryError | undefined;
  let waiting: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  const fail = (error: GranaryError) => {
    failure ??= error;
    waiting?.reject(failure);
    waiting = undefined;
  };
  worker.on('message', (reply: BinaryReply) => {
    if (reply.kind === 'error') fail(new GranaryError(reply.code, reply.message, reply.details));
    else waiting?.resolve(reply.kind === 'piece' ? reply.ipc : undefined);
    waiting = undefined;
  });
  worker.on('error', (error) => fail(damaged(file.name, error)));
  worker.on('exit', () => fail(damaged(file.name, new Error('the decoder ended'))));
  return {
    next() {
      if (failure) return Promise.reject(failure);
      waiting = Promise.withResolvers();
      worker.postMessage('next');
      return waiting.promise;
    },
    async close() {
      await worker.terminate();
    },
  };
}

const damaged = (name: string, error: unknown) =>
  new GranaryError(
    'FILE_FORMAT',
    `${name} is damaged: decoding it failed (${(error as Error).message}). Copy or write it again.`,
    { source: name },
    { cause: error },
  );
