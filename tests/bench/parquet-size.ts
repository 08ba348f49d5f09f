import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import type { DuckDBConnection } from '@duckdb/node-api';
import { DataType, type Table, tableToIPC } from 'apache-arrow';
import {
  Compression,
  EnabledStatistics,
  Encoding,
  ParquetFile,
  Table as WasmTable,
  writeParquet,
  WriterPropertiesBuilder,
} from 'parquet-wasm/node';

export const zstdSize = (bytes: Uint8Array, level: number): number =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } }).length;

const ZSTD_LEVEL = 3;
/** `PAR1` in front of the first chunk. */
const MAGIC_BYTES = 4;

export interface ParquetSize {
  readonly byteCount: number;
  /** Encoding and writer. */
  readonly how: string;
}

/**
 * The least bytes of the column chunks of a table of one column under any of Parquet's encodings with zstd 3: written by
 * parquet-wasm with each encoding, and by DuckDB with what it chooses in both versions of the format. Footers, statistics
 * and indexes do not count.
 */
export async function smallestParquet(duckdb: DuckDBConnection, column: Table, folder: string): Promise<ParquetSize> {
  const sizes: ParquetSize[] = [];
  for (const [how, encoding] of Object.entries(encodingsOf(column.schema.fields[0]!.type as DataType))) {
    sizes.push({ byteCount: await chunkSize(written(column, encoding)), how: `${how}, parquet-wasm` });
  }
  const source = join(folder, 'column.parquet');
  const target = join(folder, 'duckdb.parquet');
  await writeFile(source, written(column, Encoding.PLAIN));
  for (const version of ['V1', 'V2']) {
    await duckdb.run(
      `COPY (SELECT * FROM '${source}') TO '${target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL ${ZSTD_LEVEL}, PARQUET_VERSION ${version}, ROW_GROUP_SIZE 1000000)`,
    );
    const metadata = await duckdb.runAndReadAll(
      `SELECT sum(total_compressed_size), any_value(encodings) FROM parquet_metadata('${target}')`,
    );
    const [byteCount, encodings] = metadata.getRows()[0]!;
    sizes.push({ byteCount: Number(byteCount), how: `${String(encodings)}, DuckDB ${version}` });
  }
  return sizes.reduce((best, size) => (size.byteCount < best.byteCount ? size : best));
}

const isText = (type: DataType) => DataType.isUtf8(type) || DataType.isDictionary(type) || DataType.isLargeUtf8(type);

/** Which encodings Parquet allows for a type. */
function encodingsOf(type: DataType): Readonly<Record<string, Encoding>> {
  const always = { plain: Encoding.PLAIN, dictionary: Encoding.RLE_DICTIONARY };
  if (isText(type))
    return {
      ...always,
      DELTA_BYTE_ARRAY: Encoding.DELTA_BYTE_ARRAY,
      DELTA_LENGTH_BYTE_ARRAY: Encoding.DELTA_LENGTH_BYTE_ARRAY,
    };
  if (DataType.isBool(type)) return { plain: Encoding.PLAIN, RLE: Encoding.RLE };
  if (DataType.isFloat(type)) return { ...always, BYTE_STREAM_SPLIT: Encoding.BYTE_STREAM_SPLIT };
  return {
    ...always,
    DELTA_BINARY_PACKED: Encoding.DELTA_BINARY_PACKED,
    BYTE_STREAM_SPLIT: Encoding.BYTE_STREAM_SPLIT,
  };
}

function written(column: Table, encoding: Encoding): Uint8Array {
  const dictionary = encoding === Encoding.RLE_DICTIONARY;
  let properties = new WriterPropertiesBuilder()
    .setCompression(Compression.UNCOMPRESSED)
    .setStatisticsEnabled(EnabledStatistics.None)
    .setDictionaryEnabled(dictionary);
  if (!dictionary) properties = properties.setEncoding(encoding);
  return writeParquet(WasmTable.fromIPCStream(tableToIPC(column, 'stream')), properties.build());
}

interface Page {
  readonly headerBytes: number;
  readonly body: Uint8Array;
  readonly dictionary: boolean;
}

/**
 * The chunks of an uncompressed file of one column once their pages go through zstd 3: parquet-wasm can only choose
 * level 1. Its pages end after 20,000 rows; neighbours are also tried as one page, which other writers would make.
 */
async function chunkSize(file: Uint8Array): Promise<number> {
  const pages = await readPages(file);
  const sizeOf = (headerBytes: number, body: Uint8Array) =>
    headerBytes + Math.min(body.length, zstdSize(body, ZSTD_LEVEL));
  const apart = pages.reduce((sum, { headerBytes, body }) => sum + sizeOf(headerBytes, body), 0);
  const data = pages.filter(({ dictionary }) => !dictionary);
  const others = pages.filter(({ dictionary }) => dictionary);
  const joined =
    others.reduce((sum, { headerBytes, body }) => sum + sizeOf(headerBytes, body), 0) +
    sizeOf(data[0]?.headerBytes ?? 0, Buffer.concat(data.map(({ body }) => body)));
  return Math.min(apart, joined);
}

/** The pages of all chunks: they follow each other from the start of the file. */
async function readPages(file: Uint8Array): Promise<Page[]> {
  const metadata = (await ParquetFile.fromFile(new Blob([file as Uint8Array<ArrayBuffer>]))).metadata();
  const end = metadata.rowGroups().reduce((sum, group) => sum + group.column(0).compressedSize(), MAGIC_BYTES);
  const pages: Page[] = [];
  for (let at = MAGIC_BYTES; at < end;) {
    const { type, size, headerEnd } = readPageHeader(file, at);
    pages.push({
      headerBytes: headerEnd - at,
      body: file.subarray(headerEnd, headerEnd + size),
      dictionary: type === 2,
    });
    at = headerEnd + size;
  }
  return pages;
}

/** Thrift's compact protocol, as far as a PageHeader needs it: fields 1 (type) and 3 (stored size), the rest skipped. */
function readPageHeader(file: Uint8Array, start: number) {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = file[at++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  const zigzag = () => {
    const value = varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  const skip = (type: number): void => {
    if (type >= 3 && type <= 6) varint();
    else if (type === 8) at += varint();
    else if (type === 12) struct(() => undefined);
    else if (type > 2) throw new Error(`A page header of Parquet holds a field of type ${type}.`);
  };
  const struct = (take: (field: number) => (() => void) | undefined): void => {
    for (let field = 0; ;) {
      const byte = file[at++]!;
      if (byte === 0) return;
      field = byte >> 4 === 0 ? zigzag() : field + (byte >> 4);
      const read = take(field);
      if (read) read();
      else skip(byte & 15);
    }
  };
  let type = 0;
  let size = 0;
  struct((field) => {
    if (field === 1) return () => (type = zigzag());
    return field === 3 ? () => (size = zigzag()) : undefined;
  });
  return { type, size, headerEnd: at };
}
