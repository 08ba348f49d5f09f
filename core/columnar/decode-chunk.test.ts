import {
  DataType,
  Dictionary,
  Field,
  Int16,
  LargeUtf8,
  Schema,
  Utf8,
  Vector,
  vectorFromArray,
  type Data,
} from 'apache-arrow';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeChunk, encodeRowGroup, type SegmentHeader } from './index.ts';
import { batchOf } from './rebatch.ts';
import { arbitraryType } from './testing/arbitrary-batch.ts';
import { checksumOf, stripedChecksumOf } from './checksum.ts';
import { schemaFromJson, schemaToJson } from './arrow-json.ts';

function decodeAgain(data: Data, options: { dictionary?: boolean }) {
  const schema = new Schema([new Field('c', data.type as DataType, true)]);
  const { rowCount, chunks } = encodeRowGroup(batchOf(schema, data.length, [data]));
  const header: SegmentHeader = {
    formatVersion: 1,
    schema,
    rowCount,
    rowGroups: [{ rowCount, chunks: chunks.map((chunk) => ({ ...chunk, offset: 0 })) }],
  };
  return { encoding: chunks[0]!.encoding, data: decodeChunk(header, 0, 0, chunks[0]!.unit, options) };
}

const words = ['Zürich', 'Aachen', null, 'Linz', 'Zürich', '', 'Aachen', 'Linz', 'Linz', 'Aachen'];
const many = Array.from({ length: 500 }, (_, i) => words[i % words.length]!);

test.each([
  ['Utf8', new Utf8()],
  ['LargeUtf8', new LargeUtf8()],
  ['Dictionary', new Dictionary(new Utf8(), new Int16())],
])('text of type %s comes as sorted codes when asked for', (_, type) => {
  const { data, encoding } = decodeAgain(vectorFromArray(many, type).data[0]!, { dictionary: true });
  expect(encoding.mapping).toBe('dictionary');
  expect(DataType.isDictionary(data.type)).toBe(true);
  expect(String(data.type)).toBe('Dictionary<Uint8, Utf8>');
  expect([...data.dictionary!]).toEqual(['', 'Aachen', 'Linz', 'Zürich']);
  expect(data.values).toBeInstanceOf(Uint8Array);
  expect([...new Vector([data])]).toEqual(many);
});

test('text comes in its own type when codes are not asked for', () => {
  const { data } = decodeAgain(vectorFromArray(many, new Utf8()).data[0]!, {});
  expect(DataType.isUtf8(data.type)).toBe(true);
  expect([...new Vector([data])]).toEqual(many);
});

test('text that repeats little is not a dictionary', () => {
  const values = Array.from({ length: 300 }, (_, i) => `text ${i}${i % 2 === 0 ? '' : ' of two'}`);
  const { data, encoding } = decodeAgain(vectorFromArray(values, new Utf8()).data[0]!, { dictionary: true });
  expect(encoding.mapping).toBe('text');
  expect([...new Vector([data])]).toEqual(values);
});

test('a schema comes back from JSON as it was', () => {
  const metadata = fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 3 }).map((pairs) => new Map(pairs));
  const field = fc
    .tuple(fc.string(), arbitraryType(), fc.boolean(), metadata)
    .map(([name, type, nullable, pairs]) => new Field(name, type, nullable, pairs));
  fc.assert(
    fc.property(fc.array(field, { maxLength: 5 }), metadata, (fields, pairs) => {
      const schema = new Schema(fields, pairs);
      const json = schemaToJson(schema);
      const back = schemaFromJson(JSON.parse(JSON.stringify(json)));
      expect(schemaToJson(back)).toEqual(json);
      expect(String(back)).toBe(String(schema));
      expect([...back.metadata]).toEqual([...pairs]);
    }),
    { numRuns: 500, seed: 5 },
  );
});

test('the checksum is the one of the specification', () => {
  expect(checksumOf([])).toBe(specified([]));
  const parts = [
    Uint8Array.of(1, 2, 3, 4, 5),
    new Uint8Array(0),
    new Uint8Array(33).fill(200),
    Uint8Array.of(0).subarray(0),
  ];
  expect(checksumOf(parts)).toBe(specified(parts));
  expect(checksumOf([Uint8Array.of(1), Uint8Array.of(2)])).not.toBe(checksumOf([Uint8Array.of(1, 2)]));
});

test('the striped checksum is the one of the specification', () => {
  expect(stripedChecksumOf([])).toBe(specified([]));
  const parts = [
    Uint8Array.from({ length: 203 }, (_, i) => i * 7),
    new Uint8Array(0),
    Uint8Array.from({ length: 64 }, (_, i) => 255 - i),
    Uint8Array.of(1, 2, 3),
  ];
  expect(stripedChecksumOf(parts)).toBe(specified(parts.flatMap(specifiedStripes)));
});

test('a single changed bit changes the striped checksum', () => {
  const bytes = Uint8Array.from({ length: 77 }, (_, i) => i * 31);
  const whole = stripedChecksumOf([bytes]);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(stripedChecksumOf([changed])).not.toBe(whole);
  }
});

/** Section 6.1 of docs/formats/webm-columnar-v1.md: the lanes of a buffer, and what is left of it. */
function specifiedStripes(buffer: Uint8Array): Uint8Array[] {
  const lanes = Array.from({ length: 8 }, (_, lane) => BigInt(buffer.length + lane));
  const blockCount = Math.floor(buffer.length / 32);
  const words = new Uint32Array(buffer.slice(0, blockCount * 32).buffer);
  words.forEach((word, i) => {
    const product = ((lanes[i % 8]! ^ BigInt(word)) * 0x85ebca6bn) % 2n ** 32n;
    lanes[i % 8] = ((product << 15n) | (product >> 17n)) % 2n ** 32n;
  });
  return [new Uint8Array(Uint32Array.from(lanes, Number).buffer), buffer.slice(blockCount * 32)];
}

/** Section 6 of docs/formats/webm-columnar-v1.md, word for word, in whole numbers of any size. */
function specified(buffers: readonly Uint8Array[]): string {
  const M = 2n ** 32n;
  const rotl = (h: bigint, bits: bigint) => ((h << bits) | (h >> (32n - bits))) % M;
  const mix = (start: bigint) => {
    let h = ((start ^ (start >> 16n)) * 0x85ebca6bn) % M;
    h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) % M;
    return h ^ (h >> 16n);
  };
  let a = 0x9e3779b9n;
  let b = 0x7f4a7c15n;
  for (const buffer of buffers) {
    const padded = new Uint8Array(buffer.length - (buffer.length % 4) + 4);
    padded.set(buffer);
    const all = [buffer.length, ...new Uint32Array(padded.buffer)];
    for (const word of all) {
      a = rotl(((a ^ BigInt(word)) * 0x85ebca6bn) % M, 15n);
      b = (rotl(((b ^ BigInt(word)) * 0xc2b2ae35n) % M, 13n) + a) % M;
    }
  }
  const high = mix(a ^ ((b * 0x85ebca6bn) % M));
  return high.toString(16).padStart(8, '0') + mix(b).toString(16).padStart(8, '0');
}
