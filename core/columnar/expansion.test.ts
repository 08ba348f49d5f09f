import { Field, FixedSizeBinary, Int32, Schema, Utf8, vectorFromArray, type Data, type DataType } from 'apache-arrow';
import { expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { placeholderUnit } from './av1/index.ts';
import { ByteReader } from './byte-io.ts';
import { makeSection, readChunkMetadata, SECTION_KINDS, writeChunkMetadata, type ChunkHead } from './chunk-format.ts';
import { decodeChunk, encodeRowGroup, type SegmentHeader } from './index.ts';
import { EXPANDED_BYTES_FREE } from './limits.ts';
import { batchOf } from './rebatch.ts';
import { zstd } from './zstd.ts';

const head: ChunkHead = {
  mapping: 'text',
  rowCount: 1,
  nullCount: 0,
  streamCount: 0,
  base: 0n,
  divisor: 0,
  parameters: [],
};

/** A header of one chunk with this unit. */
function headerOf(type: DataType, rowCount: number, unit: Uint8Array, mapping = head.mapping): SegmentHeader {
  const chunk = {
    offset: 0,
    byteCount: unit.length,
    checksum: '0'.repeat(16),
    encoding: { method: 'zstd', mapping } as const,
    statistics: { nullCount: mapping === 'none' ? rowCount : 0 },
  };
  const schema = new Schema([new Field('c', type, true)]);
  return { formatVersion: 1, schema, rowCount, rowGroups: [{ rowCount, chunks: [chunk] }] };
}

test('a section that expands further than the format allows is refused before it is expanded', () => {
  const stored = new Uint8Array(60_000);
  const bomb = { kind: 'bytes', stored, rawByteCount: 2 ** 31 - 1 } as const;
  expect(() => readChunkMetadata(writeChunkMetadata(head, [bomb]))).toThrow(/expands to 2147483647 bytes/);
  const fine = { ...bomb, rawByteCount: EXPANDED_BYTES_FREE };
  expect(readChunkMetadata(writeChunkMetadata(head, [fine])).head).toEqual(head);
});

test('bytes that would expand too far are written as they are', () => {
  const zeros = new Uint8Array(EXPANDED_BYTES_FREE * 2);
  expect(zstd().compress(zeros).length).toBeLessThan(EXPANDED_BYTES_FREE / 1024);
  expect(makeSection('bytes', zeros)).toMatchObject({ rawByteCount: undefined });
  expect(makeSection('bytes', zeros.subarray(0, 1000)).rawByteCount).toBe(1000);
});

test('a dictionary whose texts would fill the memory is refused', () => {
  const rowCount = 2 ** 20;
  const entry = new Uint8Array(100_000);
  const unit = placeholderUnit(
    writeChunkMetadata({ ...head, mapping: 'dictionary', rowCount, streamCount: rowCount, parameters: [1] }, [
      { kind: 'entryLengths', stored: Uint8Array.of(0xa0, 0x8d, 0x06), rawByteCount: undefined },
      { kind: 'entryBytes', stored: zstd().compress(entry), rawByteCount: entry.length },
    ]),
  );
  const header = headerOf(new Utf8(), rowCount, unit, 'dictionary');
  expect(() => decodeChunk(header, 0, 0, unit)).toThrow(/expands to 104857600000 bytes/);
});

test('nulls of a very wide type are refused', () => {
  const rowCount = 1000;
  const unit = placeholderUnit(writeChunkMetadata({ ...head, mapping: 'none', rowCount, nullCount: rowCount }, []));
  const header = headerOf(new FixedSizeBinary(2 ** 24), rowCount, unit, 'none');
  expect(() => decodeChunk(header, 0, 0, unit)).toThrow(/expands to 16777216000 bytes/);
});

test('the budget of a caller is kept, and is not taken from the file', () => {
  const texts = Array.from({ length: 400 }, (_, i) => `a rather long note, number ${i}`);
  const data = vectorFromArray(texts, new Utf8()).data[0]! as Data;
  const schema = new Schema([new Field('c', data.type as DataType, true)]);
  const { rowCount, chunks } = encodeRowGroup(batchOf(schema, data.length, [data]));
  const [chunk] = chunks;
  const told = { ...chunk!, offset: 0, encoding: { ...chunk!.encoding, expandedBytesMax: 1 } };
  const header: SegmentHeader = { formatVersion: 1, schema, rowCount, rowGroups: [{ rowCount, chunks: [told] }] };
  expect(decodeChunk(header, 0, 0, chunk!.unit).length).toBe(rowCount);
  let thrown: unknown;
  try {
    decodeChunk(header, 0, 0, chunk!.unit, { expandedBytesMax: 1000 });
  } catch (error) {
    thrown = error;
  }
  expect(isGranaryError(thrown, 'LIMIT_EXCEEDED')).toBe(true);
});

test('a mapping that does not fit the type is refused', () => {
  const rowCount = 3;
  const lengths = { kind: 'stream', stored: Uint8Array.of(1, 1, 1), rawByteCount: undefined } as const;
  const bytes = { kind: 'bytes', stored: Uint8Array.of(65, 66, 67), rawByteCount: undefined } as const;
  const unit = placeholderUnit(
    writeChunkMetadata({ ...head, rowCount, streamCount: rowCount, divisor: 1 }, [lengths, bytes]),
  );
  const header = headerOf(new Int32(), rowCount, unit);
  const plain = header.rowGroups[0]!.chunks[0]!;
  const asPlain = {
    ...header,
    rowGroups: [{ rowCount, chunks: [{ ...plain, encoding: { method: 'plain', mapping: 'text' } as const }] }],
  };
  expect(() => decodeChunk(asPlain, 0, 0, unit)).toThrow('text instead of values');
});

test('a number of endless zeros is refused', () => {
  expect(() => new ByteReader(new Uint8Array(2000).fill(0x80)).number()).toThrow('too large');
  const bytes = Uint8Array.of(1, ...new Uint8Array(400).fill(0x80), 1);
  expect(() => readChunkMetadata(bytes)).toThrow('too large');
  expect(SECTION_KINDS.validity).toBe(1);
});
