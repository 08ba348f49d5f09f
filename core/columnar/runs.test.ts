import fc from 'fast-check';
import { expect, test } from 'vitest';
import { freshMemory } from './decode-memory.ts';
import { findRuns, joinRuns, runBytes } from './runs.ts';

test('integers in long runs come back from them', () => {
  const run = fc.tuple(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer({ min: 8, max: 400 }));
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 30 }), (parts) => {
      const integers = BigInt64Array.from(parts.flatMap(([value, length]) => Array<bigint>(length).fill(value)));
      const runs = findRuns(integers)!;
      expect(runs.values.length).toBeLessThanOrEqual(parts.length);
      expect(joinRuns(runs.values, runBytes(runs), integers.length, freshMemory)).toEqual(integers);
    }),
    { numRuns: 500, seed: 21 },
  );
});

test('lengths take two or four bytes when they need them', () => {
  for (const length of [256, 257, 65_536, 65_537]) {
    const integers = new BigInt64Array(length + 10).fill(-1n, length);
    const runs = findRuns(integers)!;
    expect(runs.extra.BYTES_PER_ELEMENT).toBe(length <= 256 ? 1 : length <= 65_536 ? 2 : 4);
    expect(joinRuns(runs.values, runBytes(runs), integers.length, freshMemory)).toEqual(integers);
  }
});

test('short runs are none', () => {
  expect(findRuns(BigInt64Array.from({ length: 700 }, (_, i) => BigInt(i >> 2)))).toBeUndefined();
  expect(findRuns(BigInt64Array.of(5n))).toBeUndefined();
});

test('runs that do not add up are refused', () => {
  const values = BigInt64Array.of(1n, 2n);
  expect(joinRuns(values, Uint8Array.of(1, 2), 5, freshMemory)).toEqual(BigInt64Array.of(1n, 1n, 2n, 2n, 2n));
  for (const count of [0, 1, 4, 6]) expect(joinRuns(values, Uint8Array.of(1, 2), count, freshMemory)).toBeUndefined();
  expect(joinRuns(values, Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255), 5, freshMemory)).toBeUndefined();
  for (const length of [0, 1, 3, 16]) expect(joinRuns(values, new Uint8Array(length), 2, freshMemory)).toBeUndefined();
  expect(joinRuns(new BigInt64Array(0), new Uint8Array(0), 0, freshMemory)).toBeUndefined();
});
