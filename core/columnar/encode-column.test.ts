import { type DataType, Float32, Float64, Int16, Int64, Uint8 } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnValues } from './column-values.ts';
import { decodeColumn } from './decode-column.ts';
import { encodeColumn } from './encode-column.ts';
import { installZstd } from './index.ts';
import { nodeZstd } from './adapters/node-zstd.ts';
import { seededRandom } from './testing/seeded-random.ts';
import { bytesOf } from './words.ts';

installZstd(nodeZstd);

type Numbers = Float64Array | Float32Array | BigInt64Array | Int16Array | Uint8Array;

/** What a unit takes besides values that are stored as they are: headers, a frame and the chunk's metadata. */
const UNIT_BYTES = 64;

function encode(type: DataType, numbers: Numbers) {
  const values = { kind: 'fixed', width: numbers.BYTES_PER_ELEMENT, bytes: bytesOf(numbers) } as const;
  const column: ColumnValues = { rowCount: numbers.length, nullCount: 0, validity: undefined, values };
  const { unit, method, description, mapping } = encodeColumn(type, column);
  const decoded = decodeColumn(type, unit, { method, ...description }, numbers.length, 0).column.values;
  expect(decoded.kind === 'fixed' && Buffer.compare(decoded.bytes, values.bytes) === 0, 'comes back').toBe(true);
  return { unit, method, mapping, description: description as Readonly<Record<string, unknown>> };
}

/** Columns with patterns in them: walks, periods, grids, few values, runs, noise of any width. */
const numbers = fc
  .record({
    count: fc.integer({ min: 1, max: 20_000 }),
    seed: fc.nat(),
    bits: fc.integer({ min: 0, max: 62 }),
    pattern: fc.constantFrom('walk', 'period', 'grid', 'few', 'runs', 'noise'),
    lag: fc.integer({ min: 2, max: 700 }),
  })
  .map(({ count, seed, bits, pattern, lag }) => {
    const random = seededRandom(seed);
    const noise = () => BigInt(Math.floor((random() - 0.5) * 2 ** bits));
    const few = Array.from({ length: 1 + (seed % 40) }, noise);
    const values = new BigInt64Array(count);
    for (let i = 0; i < count; i++) {
      const before = values[i - 1] ?? 0n;
      if (pattern === 'walk') values[i] = before + noise();
      else if (pattern === 'period') values[i] = (values[i - lag] ?? noise()) + BigInt(Math.floor(random() * 3));
      else if (pattern === 'grid') values[i] = before + (values[i - lag] ?? noise()) - (values[i - lag - 1] ?? noise());
      else if (pattern === 'few') values[i] = few[Math.floor(random() * few.length)]!;
      else if (pattern === 'runs') values[i] = random() < 0.01 ? noise() : before;
      else values[i] = noise();
    }
    return values;
  });

describe('encoding a column of numbers', () => {
  it('gives back any column, never more than 1 % larger than it is', () => {
    fc.assert(
      fc.property(numbers, fc.constantFrom(1, 1000, 0.01, 1 / 3), (values, scale) => {
        const columns: readonly (readonly [DataType, Numbers])[] = [
          [new Int64(), values],
          [new Int16(), Int16Array.from(values, Number)],
          [new Uint8(), Uint8Array.from(values, Number)],
          [new Float64(), Float64Array.from(values, (value) => Number(value) * scale)],
          [new Float32(), Float32Array.from(values, (value) => Number(value) * scale)],
        ];
        for (const [type, column] of columns) {
          const { unit, description } = encode(type, column);
          expect(unit.length, JSON.stringify(description)).toBeLessThanOrEqual(column.byteLength * 1.01 + UNIT_BYTES);
        }
      }),
      { numRuns: 15 },
    );
  });

  it('packs noise that a frame would make larger', () => {
    const random = seededRandom(16_385);
    const noise = Uint8Array.from({ length: 16_385 }, () => Math.floor(random() * 256));
    expect(encode(new Uint8(), noise).unit.length).toBeLessThanOrEqual(noise.length + UNIT_BYTES);
  });

  it('gives back every bit pattern of a float', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: 1, maxLength: 200 }),
        (bits) => {
          const words = BigInt64Array.from(bits);
          encode(new Float64(), new Float64Array(words.buffer));
          encode(new Float32(), new Float32Array(words.buffer));
        },
      ),
    );
  });

  it('takes the period, the grid, the table and the decimals that are there, and tells what it considered', () => {
    const random = seededRandom(11);
    const make = (count: number, next: (i: number) => number) => Array.from({ length: count }, (_, i) => next(i));
    const integers = (next: (i: number) => number) => encode(new Int64(), BigInt64Array.from(make(5000, next), BigInt));
    const doubles = (next: (i: number) => number) => encode(new Float64(), Float64Array.from(make(5000, next)));
    expect(integers((i) => ((i % 24) ** 3 % 977) * 10 + Math.floor(random() * 30)).description).toMatchObject({
      predictor: 'period',
      considered: expect.arrayContaining(['integers period']),
    });
    const far = [3, 1_000_007, 55_555_555, -9, 12, 800, 70_001, 4_000_000, 31];
    expect(integers(() => far[Math.floor(random() * 9)]!).description).toMatchObject({ entries: 9 });
    const single = () => Math.fround((10_000 + Math.floor(random() * 90_000)) / 100);
    const spread = () => Math.fround(Math.round(Math.exp(random() * 8) * 100) / 100);
    expect(doubles(() => Math.round(single() * 1e6) / 1e6).description).toMatchObject({
      digits: 2,
      printed: { form: 'fixed', places: 6 },
    });
    expect(doubles(() => Number(spread().toPrecision(10))).description).toMatchObject({
      digits: 2,
      printed: { form: 'significant', places: 10 },
    });
    expect(doubles(() => random() + random() / 2 ** 32)).toMatchObject({
      mapping: 'integer',
      description: { bits: 64 },
    });
    expect(doubles(() => Math.fround(random() / 3))).toMatchObject({ mapping: 'integer', description: { bits: 32 } });
  });
});
