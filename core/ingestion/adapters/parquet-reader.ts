import { openAsBlob } from 'node:fs';
import { open } from 'node:fs/promises';
import { ParquetFile } from 'parquet-wasm/node';
import { GranaryError } from '#core/kernel/index.ts';
import { checkColumnCount } from '../column-names.ts';
import { BATCH_ROWS_MAX, PARQUET_ROW_GROUP_BYTES_MAX } from '../limits.ts';
import type { BinaryFile } from './binary-protocol.ts';

/** `PAR1` at both ends, and four bytes of footer length. */
const PARQUET_BYTES_MIN = 12;

/**
 * Reads a Parquet file as pieces of Arrow IPC, the first with the schema alone. Memory follows the largest row group, not the
 * file: row groups are decoded one after another in batches. Errors: `FILE_TRUNCATED`, `FILE_FORMAT`,
 * `LIMIT_EXCEEDED`; a file damaged badly enough ends the thread.
 */
export async function* readParquet({ name, path }: BinaryFile): AsyncGenerator<Uint8Array> {
  await checkEnds(name, path);
  const blob = await openAsBlob(path);
  const file = await guard(name, () => ParquetFile.fromFile(blob));
  const { rowGroupCount, rowCount } = await guard(name, async () => checkMetadata(name, file));
  yield await guard(name, async () => file.schema().intoIPCStream());
  let rowsRead = 0;
  for (let rowGroup = 0; rowGroup < rowGroupCount; rowGroup++) {
    const options = { batchSize: BATCH_ROWS_MAX, rowGroups: [rowGroup], concurrency: 1 };
    const stream = await guard(name, () => file.stream(options));
    const reader = stream.getReader() as ReadableStreamDefaultReader<WasmBatch>;
    for (;;) {
      const { done, value } = await guard(name, () => reader.read());
      if (done) break;
      rowsRead += value.numRows;
      yield await guard(name, async () => value.intoIPCStream());
    }
  }
  if (rowsRead !== rowCount) {
    throw new GranaryError('FILE_FORMAT', `${name} promises ${rowCount} rows and holds ${rowsRead}.`, { source: name });
  }
}

interface WasmBatch {
  readonly numRows: number;
  /** Consumes the batch: its memory is free afterwards. */
  intoIPCStream(): Uint8Array;
}

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

/** Runs a call into the library, which throws strings as well as errors. */
async function guard<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GranaryError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new GranaryError(
      'FILE_FORMAT',
      `${name} is a damaged Parquet file, or uses a feature that cannot be read (${message.slice(0, 300)}).`,
      { source: name },
      { cause: error },
    );
  }
}

function checkMetadata(name: string, file: ParquetFile): { rowGroupCount: number; rowCount: number } {
  const metadata = file.metadata();
  const rowGroupCount = metadata.numRowGroups();
  for (let i = 0; i < rowGroupCount; i++) {
    const rowGroup = metadata.rowGroup(i);
    const byteCount = rowGroup.compressedSize();
    checkColumnCount(name, rowGroup.numColumns());
    rowGroup.free();
    if (byteCount <= PARQUET_ROW_GROUP_BYTES_MAX) continue;
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `${name} has a row group of ${byteCount} bytes; ${PARQUET_ROW_GROUP_BYTES_MAX} can be read. Write it with smaller row groups.`,
      { source: name, limit: PARQUET_ROW_GROUP_BYTES_MAX },
    );
  }
  const rowCount = metadata.fileMetadata().numRows();
  metadata.free();
  return { rowGroupCount, rowCount };
}
