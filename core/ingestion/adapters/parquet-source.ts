import { openAsBlob } from 'node:fs';
import { open } from 'node:fs/promises';
import { type RecordBatch, type Schema, tableFromIPC } from 'apache-arrow';
import { ParquetFile } from 'parquet-wasm/node';
import { GranaryError, raceAbort } from '#core/kernel/index.ts';
import { checkColumnCount } from '../column-names.ts';
import { createConformer } from '../conform-batch.ts';
import { BATCH_ROWS_MAX, PARQUET_ROW_GROUP_BYTES_MAX } from '../limits.ts';
import type { ReadOptions } from '../ports.ts';
import type { OpenContent } from './content.ts';

/** `PAR1` at both ends, and four bytes of footer length. */
const PARQUET_BYTES_MIN = 12;

/**
 * Opens a Parquet file. Memory follows the largest row group, not the file: row groups are decoded one after another in
 * batches. Errors: `FILE_TRUNCATED`, `FILE_FORMAT`, `TYPE_UNSUPPORTED`, `LIMIT_EXCEEDED`, `FILE_SCHEMA`.
 */
export const openParquet: OpenContent = async (content, options) => {
  const { name } = content;
  const path = await content.spool();
  await checkEnds(name, path);
  const file = await raceAbort(
    ParquetFile.fromFile(await openAsBlob(path)).catch((error: unknown) => {
      throw damaged(name, error);
    }),
    options.signal,
    (late) => late.free(),
  );
  try {
    const { columnCount, rowGroupCount, rowCount } = checkMetadata(name, file);
    checkColumnCount(name, columnCount);
    const conformer = createConformer(name, readSchema(name, file), options);
    return {
      schema: conformer.schema,
      notes: conformer.notes,
      batches: () => conformer.batches(readRowGroups(name, file, rowGroupCount, rowCount, options)),
      close: async () => file.free(),
    };
  } catch (error) {
    file.free();
    throw error;
  }
};

async function checkEnds(name: string, path: string): Promise<void> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, Math.max(0, size - 4));
    if (size >= PARQUET_BYTES_MIN && buffer.toString('latin1') === 'PAR1') return;
    throw new GranaryError('FILE_TRUNCATED', `${name} is a Parquet file without its end. Copy or download it again.`, {
      source: name,
    });
  } finally {
    await handle.close();
  }
}

const damaged = (name: string, error: unknown) =>
  error instanceof GranaryError
    ? error
    : new GranaryError(
        'FILE_FORMAT',
        `${name} is a damaged Parquet file (${messageOf(error)}).`,
        { source: name },
        { cause: error },
      );

/** The library throws strings as well as errors. */
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, 300);

function checkMetadata(name: string, file: ParquetFile) {
  try {
    const metadata = file.metadata();
    const fileMetadata = metadata.fileMetadata();
    const rowGroupCount = metadata.numRowGroups();
    let columnCount = 0;
    for (let i = 0; i < rowGroupCount; i++) {
      const rowGroup = metadata.rowGroup(i);
      const byteCount = rowGroup.compressedSize();
      columnCount = rowGroup.numColumns();
      rowGroup.free();
      if (byteCount <= PARQUET_ROW_GROUP_BYTES_MAX) continue;
      throw new GranaryError(
        'LIMIT_EXCEEDED',
        `${name} has a row group of ${byteCount} bytes; ${PARQUET_ROW_GROUP_BYTES_MAX} can be read. Write it with smaller row groups.`,
        { source: name, limit: PARQUET_ROW_GROUP_BYTES_MAX },
      );
    }
    const rowCount = fileMetadata.numRows();
    fileMetadata.free();
    metadata.free();
    return { columnCount, rowGroupCount, rowCount };
  } catch (error) {
    throw damaged(name, error);
  }
}

function readSchema(name: string, file: ParquetFile): Schema {
  try {
    return tableFromIPC(file.schema().intoIPCStream()).schema;
  } catch (error) {
    throw new GranaryError(
      'TYPE_UNSUPPORTED',
      `${name} has a column of a type that cannot be read (${messageOf(error)}). Write it with another type.`,
      { source: name },
      { cause: error },
    );
  }
}

async function* readRowGroups(
  name: string,
  file: ParquetFile,
  rowGroupCount: number,
  rowCount: number,
  { signal }: ReadOptions,
): AsyncGenerator<RecordBatch> {
  let rowsRead = 0;
  for (let rowGroup = 0; rowGroup < rowGroupCount; rowGroup++) {
    const reader = await openRowGroup(name, file, rowGroup);
    let isDone = false;
    try {
      for (;;) {
        const { done, value } = await raceAbort(reader.read(), signal).catch((error: unknown) => {
          throw damaged(name, error);
        });
        if (done) break;
        for (const batch of convert(name, value)) {
          rowsRead += batch.numRows;
          yield batch;
        }
      }
      isDone = true;
    } finally {
      // Awaiting a stream that waits for the disk would hold up an abort.
      if (!isDone) void reader.cancel().catch(() => undefined);
    }
  }
  if (rowsRead !== rowCount) {
    throw new GranaryError('FILE_FORMAT', `${name} promises ${rowCount} rows and holds ${rowsRead}.`, { source: name });
  }
}

interface WasmBatch {
  /** Consumes the batch: its memory is free afterwards. */
  intoIPCStream(): Uint8Array;
}

async function openRowGroup(name: string, file: ParquetFile, rowGroup: number) {
  try {
    const stream = await file.stream({ batchSize: BATCH_ROWS_MAX, rowGroups: [rowGroup], concurrency: 1 });
    return stream.getReader() as ReadableStreamDefaultReader<WasmBatch>;
  } catch (error) {
    throw damaged(name, error);
  }
}

function convert(name: string, batch: WasmBatch): readonly RecordBatch[] {
  try {
    return tableFromIPC(batch.intoIPCStream()).batches;
  } catch (error) {
    throw damaged(name, error);
  }
}
