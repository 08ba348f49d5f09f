import { Data, DataType, Field, Int32, Schema, Struct, Utf8View, makeData, RecordBatch } from 'apache-arrow';
import { expect, test } from 'vitest';
import { GranaryError, isGranaryError, type SegmentHash } from '#core/kernel/index.ts';
import {
  decodeChunk,
  encodeRowGroup,
  parseSegmentHeader,
  readSegmentHeader,
  type SegmentHeader,
  verifySegment,
} from './index.ts';
import { encodeOne, sampleBatch } from './testing/sample-table.ts';
import { rowsOf } from './testing/rows-of.ts';
import { bytesSource } from './verify-segment.ts';

const segment = await encodeOne(sampleBatch(5000), 2000);

function headerOf(bytes: Uint8Array): SegmentHeader {
  const header = parseSegmentHeader(bytes, bytes.length);
  if ('needByteCount' in header) throw new Error('the whole file was there');
  return header;
}

async function faultsOf(bytes: Uint8Array, hash: SegmentHash) {
  const faults = [];
  for await (const fault of verifySegment(bytes, hash)) faults.push(fault);
  return faults;
}

function errorOf(work: () => unknown): GranaryError {
  try {
    work();
  } catch (error) {
    if (error instanceof GranaryError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}

/** A repeatable sequence of whole numbers below `limit`. */
function sequence(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

test('a flipped bit anywhere in the file is found by verification', async () => {
  const next = sequence(1);
  for (let run = 0; run < 60; run++) {
    const damaged = segment.bytes.slice();
    damaged[next(damaged.length)]! ^= 1 << next(8);
    const faults = await faultsOf(damaged, segment.hash);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.every((fault) => fault.code === 'SEGMENT_CORRUPT')).toBe(true);
  }
});

test('a flipped bit in a chunk gives the same values or SEGMENT_CORRUPT naming column and row group', () => {
  const header = headerOf(segment.bytes);
  const next = sequence(2);
  let found = 0;
  for (let run = 0; run < 1500; run++) {
    const rowGroup = next(header.rowGroups.length);
    const column = next(header.schema.fields.length);
    const { offset, byteCount } = header.rowGroups[rowGroup]!.chunks[column]!;
    const intact = segment.bytes.subarray(offset, offset + byteCount);
    const unit = intact.slice();
    unit[next(byteCount)]! ^= 1 << next(8);
    let rows: string[];
    try {
      rows = rowsOf(decodeChunk(header, rowGroup, column, unit));
    } catch (error) {
      if (!isGranaryError(error, 'SEGMENT_CORRUPT')) throw error;
      expect(error.details).toEqual({ column: header.schema.fields[column]!.name, rowGroup });
      found += 1;
      continue;
    }
    expect(rows).toEqual(rowsOf(decodeChunk(header, rowGroup, column, intact)));
  }
  expect(found).toBeGreaterThan(1000);
});

test('a flipped bit in the header gives the same header or a typed error', () => {
  const header = headerOf(segment.bytes);
  const first = header.rowGroups[0]!.chunks[0]!.offset;
  const next = sequence(3);
  for (let run = 0; run < 1500; run++) {
    const damaged = segment.bytes.slice(0, first + 64);
    damaged[next(first)]! ^= 1 << next(8);
    try {
      const read = parseSegmentHeader(damaged, segment.bytes.length);
      if (!('needByteCount' in read)) expect(JSON.stringify(read.rowGroups)).toBe(JSON.stringify(header.rowGroups));
    } catch (error) {
      expect(error).toSatisfy(
        (thrown) =>
          isGranaryError(thrown, 'FORMAT_INVALID') ||
          isGranaryError(thrown, 'FORMAT_VERSION') ||
          isGranaryError(thrown, 'LIMIT_EXCEEDED'),
      );
    }
  }
});

test('a file that is cut anywhere is FORMAT_INVALID', async () => {
  const next = sequence(4);
  const lengths = [
    0,
    1,
    11,
    12,
    40,
    segment.bytes.length - 1,
    ...Array.from({ length: 60 }, () => next(segment.bytes.length)),
  ];
  for (const length of lengths) {
    const cut = segment.bytes.slice(0, length);
    await expect(readSegmentHeader(bytesSource(cut))).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  }
});

test('the header is found from any prefix by asking for more', () => {
  const whole = headerOf(segment.bytes);
  let count = 1;
  let reads = 0;
  for (;;) {
    const result = parseSegmentHeader(segment.bytes.subarray(0, count), segment.bytes.length);
    if (!('needByteCount' in result)) {
      expect(JSON.stringify(result.rowGroups)).toBe(JSON.stringify(whole.rowGroups));
      break;
    }
    expect(result.needByteCount).toBeGreaterThan(count);
    count = result.needByteCount;
    reads += 1;
  }
  expect(reads).toBeLessThan(12);
});

test('other files are FORMAT_INVALID', () => {
  const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0, 0, 0, 0);
  expect(errorOf(() => parseSegmentHeader(png, png.length)).code).toBe('FORMAT_INVALID');
  expect(errorOf(() => parseSegmentHeader(new Uint8Array(5000), 5000)).code).toBe('FORMAT_INVALID');
});

test('a newer format is FORMAT_VERSION, not a damaged file', () => {
  const text = new TextDecoder('latin1').decode(segment.bytes);
  const newer = segment.bytes.slice();
  // The tag's text follows its name: id 0x4487, size 1, "1".
  const at = text.indexOf('GRANARY_FORMAT') + 'GRANARY_FORMAT'.length + 3;
  expect(newer[at]).toBe(0x31);
  newer[at] = 0x32;
  const error = errorOf(() => parseSegmentHeader(newer, newer.length));
  expect(error.code).toBe('FORMAT_VERSION');
  expect(error.details).toEqual({ version: 2 });
});

const batchOfType = (type: DataType, columnCount = 1): RecordBatch => {
  const fields = Array.from({ length: columnCount }, (_, i) => new Field(`c${i}`, type, true));
  const children = fields.map((field) => new Data(field.type, 0, 0, 0));
  return new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length: 0, nullCount: 0, children }));
};

test('a type that cannot be stored is refused with its column and name', () => {
  const error = errorOf(() => encodeRowGroup(batchOfType(new Utf8View())));
  expect(error.code).toBe('TYPE_UNSUPPORTED');
  expect(error.details).toEqual({ column: 'c0', type: 'Utf8View' });
});

test('more than 1,000 columns are refused', () => {
  const error = errorOf(() => encodeRowGroup(batchOfType(new Int32(), 1001)));
  expect(error.code).toBe('LIMIT_EXCEEDED');
  expect(error.details).toEqual({ limit: 1000, columns: 1001 });
});
