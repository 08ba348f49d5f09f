import {
  Bool,
  Data,
  type DataType,
  Decimal,
  Field,
  Float32,
  Float64,
  Int64,
  Schema,
  Uint64,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { encodeRowGroup } from './index.ts';
import { batchOf } from './rebatch.ts';
import type { ChunkStatistics } from './statistics.ts';

const statisticsOf = (data: Data): ChunkStatistics => {
  const schema = new Schema([new Field('c', data.type as DataType, true)]);
  return encodeRowGroup(batchOf(schema, data.length, [data])).chunks[0]!.statistics;
};
const of = (values: readonly unknown[], type: DataType): ChunkStatistics =>
  statisticsOf(vectorFromArray(values, type).data[0]!);

test('integers over 2^53 are text, and sums are exact', () => {
  expect(of([2n ** 62n, 2n ** 62n, -5n, null], new Int64())).toEqual({
    min: -5,
    max: (2n ** 62n).toString(),
    sum: (2n ** 63n - 5n).toString(),
    nullCount: 1,
    distinctEstimate: 2,
  });
  expect(of([2n ** 64n - 1n, 1n], new Uint64())).toMatchObject({
    min: 1,
    max: (2n ** 64n - 1n).toString(),
    sum: (2n ** 64n).toString(),
  });
});

test('decimals are text with their scale, also beyond 64 bits', () => {
  const make = (values: readonly bigint[], scale: number) => {
    const words = BigUint64Array.from(
      values.flatMap((value) => [BigInt.asUintN(64, value), BigInt.asUintN(64, value >> 64n)]),
    );
    return statisticsOf(
      new Data(new Decimal(scale, 38, 128), 0, values.length, 0, [undefined, new Uint32Array(words.buffer)] as never),
    );
  };
  expect(make([-1n, 12345n], 2)).toMatchObject({ min: '-0.01', max: '123.45', sum: '123.44' });
  expect(make([-(10n ** 30n), 5n], 3)).toMatchObject({ min: `-1${'0'.repeat(27)}.000`, max: '0.005' });
  expect(make([7n], -2)).toMatchObject({ min: '700' });
});

test('a NaN takes the bounds away, an infinity its own', () => {
  expect(of([1, Number.NaN], new Float64())).toEqual({ nullCount: 0, distinctEstimate: 2 });
  expect(of([1, Number.POSITIVE_INFINITY], new Float64())).toEqual({ nullCount: 0, distinctEstimate: 2, min: 1 });
  expect(of([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], new Float32())).toEqual({
    nullCount: 0,
    distinctEstimate: 2,
  });
});

test('minus zero counts as zero', () => {
  const { min, max } = of([-0], new Float64());
  expect(Object.is(min, 0) && Object.is(max, 0)).toBe(true);
});

test('booleans have booleans, and the count of true as sum', () => {
  expect(of([true, false, true, null], new Bool())).toEqual({
    min: false,
    max: true,
    sum: 2,
    nullCount: 1,
    distinctEstimate: 2,
  });
});

test('nothing but nulls has no bounds', () => {
  expect(of([null, null], new Int64())).toEqual({ nullCount: 2, distinctEstimate: 0 });
});

test('a byte order mark is part of a bound', () => {
  expect(of(['\uFEFFa', '\uFEFFb'], new Utf8())).toMatchObject({ min: '\uFEFFa', max: '\uFEFFb' });
});

const compare = (left: string, right: string): number => Buffer.compare(toUtf8(left), toUtf8(right));

test('bounds of text enclose every value in byte order, however long the values are', () => {
  const unit = fc.constantFrom('a', 'z', 'ß', '\uD7FF', '\uE000', '\uFFFF', '\u{10FFFF}', '\u{10000}');
  const text = fc.oneof(fc.string({ unit, minLength: 0, maxLength: 60 }), fc.string({ unit: 'binary', maxLength: 60 }));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 6 }), (values) => {
      const { min, max } = of(values, new Utf8());
      expect(toUtf8(min as string).length).toBeLessThanOrEqual(48);
      for (const value of values) {
        expect(compare(min as string, value)).toBeLessThanOrEqual(0);
        if (max !== undefined) expect(compare(max as string, value)).toBeGreaterThanOrEqual(0);
      }
    }),
    { numRuns: 500, seed: 11 },
  );
});

test('the number of distinct values is estimated within some per cent', () => {
  for (const count of [10, 1000, 30_000]) {
    const values = Array.from({ length: 60_000 }, (_, i) => BigInt((i * 7919) % count) * 1_000_003n);
    const { distinctEstimate } = of(values, new Int64());
    expect(Math.abs(distinctEstimate! - count) / count).toBeLessThan(0.1);
  }
});
