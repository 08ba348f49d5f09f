import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { nodeZstd } from './adapters/node-zstd.ts';
import { ByteWriter } from './byte-io.ts';
import { MODELLED_BYTES_MAX } from './byte-model.ts';
import { makeSection, readChunkMetadata, SECTION_KINDS, writeChunkMetadata } from './chunk-format.ts';
import { cutTerminated, terminated } from './text.ts';
import { installZstd } from './zstd.ts';

beforeAll(() => installZstd(nodeZstd));

const head = {
  mapping: 'text',
  rowCount: 3,
  nullCount: 0,
  streamCount: 0,
  base: 0n,
  divisor: 0,
  parameters: [10],
} as const;

/** A chunk with one section, the numbers of its form as they are given; as it is written, or as early writers did. */
function withSection(isShort: boolean, coding: number, rawByteCount: number, records: number): Uint8Array {
  const writer = new ByteWriter();
  if (isShort)
    writer
      .bytes(writeChunkMetadata(head, []))
      .byte(SECTION_KINDS.bytes | (coding << 4))
      .number(4);
  else writer.bytes(EARLY_HEAD).byte(SECTION_KINDS.bytes).byte(coding).number(4);
  writer.number(rawByteCount);
  if (coding === 2) writer.number(records);
  return writer.bytes(Uint8Array.of(1, 2, 3, 4)).finish();
}

/** {@link head} with every number written out. */
const EARLY_HEAD = Uint8Array.of(5, 3, 0, 0, 0, 0, 1, 10);

test('what is left out goes without saying', () => {
  const number = fc.oneof(fc.constant(0), fc.constant(1), fc.nat(1000));
  const heads = fc.tuple(
    number,
    number,
    number,
    fc.bigInt({ min: -3n, max: 2n ** 63n - 1n }),
    number,
    fc.array(number, { maxLength: 3 }),
  );
  const sections = fc.uniqueArray(
    fc.tuple(fc.constantFrom('validity', 'stream', 'shared'), fc.uint8Array({ maxLength: 300 })),
    { selector: ([kind]) => kind },
  );
  fc.assert(
    fc.property(heads, sections, ([rows, nulls, stream, base, divisor, parameters], parts) => {
      const rowCount = Math.max(rows, nulls, stream);
      const whole = {
        mapping: 'dictionary',
        rowCount,
        nullCount: nulls,
        streamCount: stream,
        base,
        divisor,
        parameters,
      } as const;
      const made = parts.map(([kind, bytes]) => makeSection(kind, bytes));
      const read = readChunkMetadata(writeChunkMetadata(whole, made));
      expect(read.head).toEqual(whole);
      for (const [kind, bytes] of parts) expect([...read.section(kind)!]).toEqual([...bytes]);
    }),
    { seed: 9, numRuns: 500 },
  );
});

test('metadata of early writers are read', () => {
  expect(readChunkMetadata(EARLY_HEAD).head).toEqual(head);
});

test('forms that contradict each other are refused', () => {
  for (const forms of [2 + 4, 16 + 32, 64, 128])
    expect(() => readChunkMetadata(Uint8Array.of(128 + 1, forms, 3, 0, 0, 0))).toThrow('unknown forms');
});

test('a section that went through the model comes back', () => {
  const bytes = new TextEncoder().encode('tick\ntock\n'.repeat(100));
  const section = makeSection('bytes', bytes, { terminator: 10 });
  expect(section.records).toEqual({ terminator: 10 });
  expect(readChunkMetadata(writeChunkMetadata(head, [section])).section('bytes')).toEqual(bytes);
});

test('more bytes than the model takes go through zstd', () => {
  const section = makeSection('bytes', new Uint8Array(MODELLED_BYTES_MAX + 1), { width: 1 });
  expect(section.records).toBeUndefined();
  expect(section.rawByteCount).toBe(MODELLED_BYTES_MAX + 1);
});

describe.each([true, false])('in the short form: %s,', (isShort) => {
  test.each([
    ['an unknown coding', 3, 100, 1, 'unknown coding'],
    ['more bytes than the model takes', 2, MODELLED_BYTES_MAX + 1, 1, 'too large'],
    ['records without width', 2, 100, 0, 'impossible records'],
    ['records that end with no byte', 2, 100, 513, 'impossible records'],
  ])('a section with %s is refused', (_, coding, rawByteCount, records, message) => {
    expect(() => readChunkMetadata(withSection(isShort, coding, rawByteCount, records))).toThrow(message);
  });
});

test('texts are cut at their terminators, and only if there are as many as told', () => {
  const text = { kind: 'text', offsets: Int32Array.of(0, 2, 2, 5), bytes: Uint8Array.of(1, 2, 3, 4, 5) } as const;
  const joined = terminated(text, 0);
  expect([...joined]).toEqual([1, 2, 0, 0, 3, 4, 5, 0]);
  expect(cutTerminated(joined, 0, 3)).toEqual(text);
  for (const count of [0, 2, 4, 8, 9, 2 ** 20]) expect(cutTerminated(joined, 0, count)).toBeUndefined();
  expect(cutTerminated(joined.subarray(0, -1), 0, 3)).toBeUndefined();
  expect(cutTerminated(Uint8Array.of(0, 0, 7), 0, 2)).toBeUndefined();
  expect(cutTerminated(new Uint8Array(0), 0, 0)?.offsets).toHaveLength(1);
});
