import { beforeAll, expect, test } from 'vitest';
import { nodeZstd } from './adapters/node-zstd.ts';
import { toInt64 } from './carried-integers.ts';
import { freshMemory } from './decode-memory.ts';
import { carryIntegers } from './carry-integers.ts';
import { readIntegers } from './integer-stream.ts';
import { installZstd } from './zstd.ts';

beforeAll(() => installZstd(nodeZstd));

const head = (rowCount: number) => ({ mapping: 'integer', rowCount, nullCount: 0, parameters: [] }) as const;

const RUNS = [
  ['few values', (run: number) => BigInt(run % 3) * 7n],
  ['many values', (run: number) => BigInt(run * run)],
  ['wide values', (run: number) => BigInt(run) ** 9n - 2n ** 62n],
] as const;

test.each(RUNS)('runs of %s come back', (_, valueOf) => {
  const integers = BigInt64Array.from({ length: 50_000 }, (__, i) => valueOf(Math.floor(Math.sqrt(i))));
  const { unit, method, description } = carryIntegers(head(integers.length), [], integers);
  const { runs, pixels } = description as { runs: number; pixels?: 'rank' | 'raw' };
  expect(runs).toBe(224);
  const read = readIntegers(unit, { method, pixels, runs }, integers.length, freshMemory);
  expect(toInt64(read.integers, freshMemory)).toEqual(integers);
});

test('runs that the header tells wrongly are refused', () => {
  const integers = BigInt64Array.from({ length: 5000 }, (_, i) => BigInt(Math.floor(i / 500)));
  const { unit, method } = carryIntegers(head(integers.length), [], integers);
  const read = (runs: number | undefined) => () => readIntegers(unit, { method, runs }, integers.length, freshMemory);
  expect(read(10)).not.toThrow();
  for (const runs of [0, -1, 2.5, NaN, 9, 11, 5000, 5001, 2 ** 40, undefined]) expect(read(runs)).toThrow();
  expect(() => readIntegers(unit, { method, runs: 10 }, 4999, freshMemory)).toThrow('do not add up');
});
