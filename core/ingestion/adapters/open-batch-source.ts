import { GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import { SAMPLE_BYTES } from '../limits.ts';
import type { BatchSource, OpenBatchSource } from '../ports.ts';
import { openBinary } from './binary-source.ts';
import type { Content, OpenContent } from './content.ts';
import { openCsv } from './csv-source.ts';
import { type Compression, compressionOf, decompress } from './decompress.ts';
import { detectFormat, type FileFormat } from '../detect-format.ts';
import { createInputBytes } from './input-bytes.ts';
import { openJsonArray, openJsonLines } from './json-source.ts';
import { type Peeked, peek } from './peek.ts';

const SOURCES: Readonly<Record<FileFormat, OpenContent>> = {
  csv: openCsv,
  json: openJsonArray,
  ndjson: openJsonLines,
  parquet: openBinary('parquet'),
  'arrow-file': openBinary('arrow-file'),
  'arrow-stream': openBinary('arrow-stream'),
};

/** The format as people call it, such as `csv` or `parquet+gzip`. */
const labelOf = (format: FileFormat, compression: Compression | undefined) => {
  const plain = format.startsWith('arrow') ? 'arrow' : format;
  return compression === undefined ? plain : `${plain}+${compression}`;
};

/**
 * Opens a file of any supported format. The file is read once to its end before this resolves: the types come from all of the
 * data, and so does the hash. Text is read a second time for the rows; what cannot be read twice, and Parquet and Arrow
 * data, which are decoded in a thread of their own, are copied to the temporary folder meanwhile. Memory does not grow with the
 * file. Errors: `FILE_EMPTY`, `FILE_FORMAT`, `FILE_ENCODING`, `FILE_TRUNCATED`, `FILE_SCHEMA`, `TYPE_UNSUPPORTED`,
 * `UNSUPPORTED`, `LIMIT_EXCEEDED`, `ROW_INVALID`, `IO_FAILED`, `DISK_FULL`, `CANCELLED`.
 */
export const openBatchSource: OpenBatchSource = async (file, options): Promise<BatchSource> => {
  const input = await createInputBytes(file, options);
  let raw: Peeked | undefined;
  let bytes: Peeked | undefined;
  try {
    throwIfAborted(options.signal);
    raw = await peek(input.first(), 4);
    const compression = compressionOf(raw.head);
    bytes = await peek(compression ? decompress(file.name, compression, raw.bytes) : raw.bytes, SAMPLE_BYTES);
    const { head } = bytes;
    if (head.length === 0) throw new GranaryError('FILE_EMPTY', `${file.name} holds no data.`, { source: file.name });
    if (compression && compressionOf(head)) {
      throw new GranaryError('FILE_FORMAT', `${file.name} is compressed twice. Unpack it once.`, { source: file.name });
    }
    const format = detectFormat(head, file.name);
    const first = bytes.bytes;
    const content: Content = {
      name: file.name,
      head,
      first: () => first,
      again: () => (compression ? decompress(file.name, compression, input.again()) : input.again()),
      spool: () => input.spool(first),
    };
    const opened = await SOURCES[format](content, options);
    return {
      schema: opened.schema,
      format: labelOf(format, compression),
      notes: opened.notes,
      contentHash: input.contentHash(),
      batches: opened.batches(),
      async [Symbol.asyncDispose]() {
        await opened.close?.();
        await input[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await bytes?.bytes.return?.();
    await raw?.bytes.return?.();
    await input[Symbol.asyncDispose]();
    throw error;
  }
};
