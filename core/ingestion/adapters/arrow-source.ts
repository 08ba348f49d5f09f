import { open } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { zstdDecompressSync } from 'node:zlib';
import { CompressionType, compressionRegistry, type RecordBatch, RecordBatchReader } from 'apache-arrow';
import { GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import { checkBatch } from '../check-batch.ts';
import { createConformer } from '../conform-batch.ts';
import { ARROW_MESSAGE_BYTES_MAX } from '../limits.ts';
import type { ReadOptions } from '../ports.ts';
import type { OpenContent, OpenedContent } from './content.ts';

compressionRegistry.set(CompressionType.ZSTD, {
  decode: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: ARROW_MESSAGE_BYTES_MAX }),
});

/** Opens an Arrow IPC file, which is read from its end. Errors: as for a stream. */
export const openArrowFile: OpenContent = async (content, options) => {
  const path = await content.spool();
  const handle = await open(path);
  try {
    await checkEnds(content.name, handle);
    const reader = await openReader(content.name, RecordBatchReader.from(handle) as unknown as Promise<BatchReader>);
    return openedFrom(content.name, reader, options, async () => {
      await reader.cancel();
      await handle.close().catch(() => undefined);
    });
  } catch (error) {
    await handle.close().catch(() => undefined);
    throw error;
  }
};

/** Opens an Arrow IPC stream. Errors: `FILE_TRUNCATED`, `FILE_FORMAT`, `UNSUPPORTED` for LZ4, `TYPE_UNSUPPORTED`. */
export const openArrowStream: OpenContent = async (content, options) => {
  for await (const chunk of content.first()) void chunk;
  const reader = await openReader(
    content.name,
    RecordBatchReader.from(content.again()) as unknown as Promise<BatchReader>,
  );
  return openedFrom(content.name, reader, options, async () => {
    await reader.cancel();
  });
};

const MAGIC = 'ARROW1';

async function checkEnds(name: string, handle: Awaited<ReturnType<typeof open>>): Promise<void> {
  const { size } = await handle.stat();
  const { buffer } = await handle.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, Math.max(0, size - MAGIC.length));
  if (size > 2 * MAGIC.length && buffer.toString('latin1') === MAGIC) return;
  throw new GranaryError('FILE_TRUNCATED', `${name} is an Arrow file without its end. Copy or download it again.`, {
    source: name,
  });
}

interface BatchReader extends AsyncIterable<RecordBatch> {
  readonly schema: RecordBatch['schema'];
  open(): Promise<this>;
  cancel(): Promise<void> | void;
}

async function openReader(name: string, opening: Promise<BatchReader>): Promise<BatchReader> {
  try {
    const reader = await (await opening).open();
    if (reader.schema) return reader;
  } catch (error) {
    throw asFileError(name, error);
  }
  throw new GranaryError('FILE_FORMAT', `${name} is an Arrow stream without a schema.`, { source: name });
}

function openedFrom(
  name: string,
  reader: BatchReader,
  options: ReadOptions,
  close: () => Promise<void>,
): OpenedContent {
  const conformer = createConformer(name, reader.schema, options);
  return {
    schema: conformer.schema,
    notes: conformer.notes,
    batches: () => conformer.batches(checkedBatches(name, reader, options)),
    close,
  };
}

async function* checkedBatches(
  name: string,
  reader: BatchReader,
  { signal }: ReadOptions,
): AsyncGenerator<RecordBatch> {
  try {
    for await (const batch of reader) {
      throwIfAborted(signal);
      checkBatch(batch, isUtf8);
      yield batch;
    }
  } catch (error) {
    throw asFileError(name, error);
  }
}

function asFileError(name: string, error: unknown): GranaryError {
  if (error instanceof GranaryError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const failure = (code: 'UNSUPPORTED' | 'TYPE_UNSUPPORTED' | 'FILE_TRUNCATED' | 'FILE_FORMAT', text: string) =>
    new GranaryError(code, `${name} ${text}`, { source: name }, { cause: error });
  if (/codec not found/.test(message)) {
    return failure('UNSUPPORTED', 'holds Arrow data compressed with LZ4. Write it with zstd or without compression.');
  }
  if (/Unrecognized type/.test(message))
    return failure('TYPE_UNSUPPORTED', `has a column of a type that cannot be read (${message}).`);
  if (/^Expected to read|^Invalid .*end of|nothing was read/i.test(message)) {
    return failure('FILE_TRUNCATED', 'ends in the middle of its Arrow data. Copy or download it again.');
  }
  return failure('FILE_FORMAT', `holds damaged Arrow data (${message.slice(0, 300)}).`);
}
