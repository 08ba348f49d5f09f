import { crc32 } from 'node:zlib';
import { RecordBatch, RecordBatchReader, RecordBatchStreamWriter, type Schema } from 'apache-arrow';
import { concatBytes, toUtf8 } from '#core/kernel/index.ts';

/**
 * The value of one chunk of an edge run:
 *
 * | field    | bytes | meaning                                                       |
 * | -------- | ----- | ------------------------------------------------------------- |
 * | format   | 1     | 1                                                             |
 * | checksum | 4     | CRC-32 of the key's UTF-8 text and the rows, little-endian    |
 * | rows     | rest  | an Arrow IPC stream (Arrow Columnar Format 1.5), uncompressed |
 *
 * The key is part of the checksum, so that a chunk under another chunk's key is found too.
 */
const FORMAT = 1;
const HEADER_BYTE_COUNT = 5;

/** The rows of the batches, in order, under the given key. */
export function encodeEdgeChunk(key: string, schema: Schema, batches: readonly RecordBatch[]): Uint8Array {
  const writer = new RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  for (const batch of batches) writer.write(new RecordBatch(schema, batch.data));
  writer.finish();
  const rows = writer.toUint8Array(true);
  const header = new DataView(new ArrayBuffer(HEADER_BYTE_COUNT));
  header.setUint8(0, FORMAT);
  header.setUint32(1, checksumOf(key, rows), true);
  return concatBytes([new Uint8Array(header.buffer), rows]);
}

/** The rows under the key, or undefined when they are not what was written there. */
export function decodeEdgeChunk(key: string, value: Uint8Array): RecordBatch[] | undefined {
  if (value.length < HEADER_BYTE_COUNT || value[0] !== FORMAT) return undefined;
  const checksum = new DataView(value.buffer, value.byteOffset).getUint32(1, true);
  // A copy, because Arrow's buffers must start at a multiple of eight.
  const rows = value.slice(HEADER_BYTE_COUNT);
  if (checksumOf(key, rows) !== checksum) return undefined;
  return [...RecordBatchReader.from(rows)];
}

const checksumOf = (key: string, rows: Uint8Array): number => crc32(rows, crc32(toUtf8(key)));
