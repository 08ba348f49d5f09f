import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { zstdDecompressSync } from 'node:zlib';
import {
  CompressionType,
  compressionRegistry,
  RecordBatch,
  RecordBatchReader,
  Schema,
  Struct,
  Table,
  makeData,
  tableToIPC,
} from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { checkBatch } from '../check-batch.ts';
import { checkColumnCount } from '../column-names.ts';
import { ARROW_MESSAGE_BYTES_MAX, BATCH_ROWS_MAX, STEP_BYTES } from '../limits.ts';
import { plainData, plainField } from '../plain-data.ts';
import type { BinaryFile } from './binary-protocol.ts';

compressionRegistry.set(CompressionType.ZSTD, {
  decode: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: ARROW_MESSAGE_BYTES_MAX }),
});

const MAGIC = 'ARROW1';

/** Reads an Arrow IPC file, by the directory at its end, as pieces of plain Arrow IPC. Errors: as for a stream. */
export async function* readArrowFile({ name, path }: BinaryFile): AsyncGenerator<Uint8Array> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const { buffer } = await handle.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, Math.max(0, size - MAGIC.length));
    if (size <= 2 * MAGIC.length || buffer.toString('latin1') !== MAGIC) {
      throw new GranaryError('FILE_TRUNCATED', `${name} is an Arrow file without its end. Copy or download it again.`, {
        source: name,
      });
    }
    yield* readBatches(name, RecordBatchReader.from(handle) as unknown as Promise<BatchReader>);
  } finally {
    await handle.close().catch(() => undefined);
  }
}

/**
 * Reads an Arrow IPC stream as pieces of plain Arrow IPC, the first with the schema alone. Errors: `FILE_TRUNCATED`,
 * `FILE_FORMAT`, `UNSUPPORTED` for LZ4, `TYPE_UNSUPPORTED`; a file damaged badly enough ends the thread.
 */
export async function* readArrowStream({ name, path }: BinaryFile): AsyncGenerator<Uint8Array> {
  const source = createReadStream(path, { highWaterMark: STEP_BYTES });
  yield* readBatches(name, RecordBatchReader.from(source) as unknown as Promise<BatchReader>);
}

interface BatchReader extends AsyncIterable<RecordBatch> {
  readonly schema: Schema | undefined;
  open(): Promise<this>;
}

async function* readBatches(name: string, opening: Promise<BatchReader>): AsyncGenerator<Uint8Array> {
  try {
    const reader = await (await opening).open();
    if (!reader.schema) throw new Error('it has no schema');
    checkColumnCount(name, reader.schema.fields.length);
    const schema = new Schema(reader.schema.fields.map(plainField), reader.schema.metadata);
    yield tableToIPC(new Table(schema), 'stream');
    for await (const batch of reader) {
      checkBatch(batch, isUtf8);
      for (let at = 0; at < batch.numRows; at += BATCH_ROWS_MAX) {
        yield tableToIPC(new Table([plainBatch(schema, batch.slice(at, at + BATCH_ROWS_MAX))]), 'stream');
      }
    }
  } catch (error) {
    throw asFileError(name, error);
  }
}

function plainBatch(schema: Schema, batch: RecordBatch): RecordBatch {
  const children = batch.data.children.map((child, i) => {
    const data = plainData(child);
    return data.clone(schema.fields[i]!.type, data.offset, data.length, data.nullCount);
  });
  const length = batch.numRows;
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }));
}

function asFileError(name: string, error: unknown): GranaryError {
  if (error instanceof GranaryError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const failure = (code: 'UNSUPPORTED' | 'TYPE_UNSUPPORTED' | 'FILE_TRUNCATED' | 'FILE_FORMAT', text: string) =>
    new GranaryError(code, `${name} ${text}`, { source: name }, { cause: error });
  if (/codec not found/.test(message)) {
    return failure('UNSUPPORTED', 'holds Arrow data compressed with LZ4. Write it with zstd or without compression.');
  }
  if (/Unrecognized type/.test(message)) {
    return failure('TYPE_UNSUPPORTED', `has a column of a type that cannot be read (${message}).`);
  }
  if (message.startsWith('Expected to read')) {
    return failure('FILE_TRUNCATED', 'ends in the middle of its Arrow data. Copy or download it again.');
  }
  return failure('FILE_FORMAT', `holds damaged Arrow data (${message.slice(0, 300)}).`);
}
