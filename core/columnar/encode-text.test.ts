import { Binary, type DataType, Field, Schema, Utf8, vectorFromArray } from 'apache-arrow';
import { expect, test } from 'vitest';
import { decodeChunk, encodeRowGroup, type SegmentHeader } from './index.ts';
import { batchOf } from './rebatch.ts';
import { seededRandom } from './testing/seeded-random.ts';
import { rowsOf } from './testing/rows-of.ts';

/** How the values are stored; they must come back. */
function storedAs(values: readonly (string | Uint8Array | null)[], type: DataType = new Utf8()) {
  const data = vectorFromArray(values, type).data[0]!;
  const schema = new Schema([new Field('c', type, true)]);
  const { rowCount, chunks } = encodeRowGroup(batchOf(schema, data.length, [data]));
  const header: SegmentHeader = {
    formatVersion: 1,
    schema,
    rowCount,
    rowGroups: [{ rowCount, chunks: chunks.map((chunk) => ({ ...chunk, offset: 0 })) }],
  };
  const { encoding, unit, byteCount } = chunks[0]!;
  expect(rowsOf(decodeChunk(header, 0, 0, unit))).toEqual(rowsOf(data));
  return { ...encoding, byteCount, considered: encoding['considered'] };
}

const random = seededRandom(9);
const below = (limit: number) => Math.floor(random() * limit);

test('postal codes are numbers, with nulls among them', () => {
  const codes = Array.from({ length: 2000 }, (_, i) => (i % 9 === 0 ? null : String(1000 + i * 40).padStart(6, '0')));
  const stored = storedAs(codes);
  expect(stored).toMatchObject({ mapping: 'numerals' });
  expect(stored.byteCount).toBeLessThan(400);
});

test('few values that repeat are a dictionary even when they are numbers', () => {
  expect(storedAs(Array.from({ length: 2000 }, () => `sensor ${below(30)}`)).mapping).toBe('dictionary');
});

test('values that come in clusters are coded by recency', () => {
  const district = (i: number) => `district ${Math.floor(i / 1000) * 3 + below(4)}`;
  const stored = storedAs(Array.from({ length: 70_000 }, (_, i) => district(i)));
  expect(stored).toMatchObject({ mapping: 'dictionary', order: 'recency' });
  expect(stored.considered).toHaveLength(4);
});

test('values in long runs are coded as runs', () => {
  const names = ['Aachen', 'Bern', 'Chur', 'Dornbirn', 'Eupen'];
  const rows = names.flatMap((name, i) => Array<string>(20_000 * (i + 1)).fill(name));
  const stored = storedAs(rows);
  expect(stored).toMatchObject({ mapping: 'dictionary', runs: 5 });
  expect(stored.byteCount).toBeLessThan(120);
});

test('short texts go through the model, long sorted ones by their fronts', () => {
  const page = (i: number) => `https://example.org/${i.toString(36)}/${below(1296).toString(36)}x`;
  const pages = Array.from({ length: 45_000 }, (_, i) => page(i * 900)).toSorted();
  expect(storedAs(pages.slice(0, 5000))).toMatchObject({ mapping: 'text', method: 'model' });
  const stored = storedAs(pages);
  expect(stored.mapping).toBe('text');
  const considered = stored.considered as readonly (string | number)[];
  expect(considered[considered.indexOf('text by fronts') + 1]).toBe(stored.byteCount);
});

test('values that hold every byte have no byte to end them', () => {
  const every = Uint8Array.from({ length: 256 }, (_, i) => i);
  const rows = Array.from({ length: 300 }, (_, i) => Uint8Array.of(...every, i & 255, below(256)));
  expect(storedAs(rows, new Binary())).toMatchObject({ mapping: 'text' });
  const few = Array.from({ length: 300 }, (_, i) => rows[i % 7]!);
  expect(storedAs(few, new Binary())).toMatchObject({ mapping: 'dictionary', entries: 7 });
});

test('no values at all, and empty ones, come back', () => {
  expect(storedAs([null, null]).mapping).toBe('none');
  expect(storedAs(['', '', '']).byteCount).toBeLessThan(80);
  expect(storedAs(['']).byteCount).toBeLessThan(80);
});
