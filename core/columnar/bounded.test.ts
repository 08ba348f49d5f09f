import {
  type Data,
  type DataType,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  Schema,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ERROR_METADATA, parseMaxError } from './error-bound.ts';
import { decodeChunk, encodeRowGroup } from './index.ts';
import { batchOf } from './rebatch.ts';
import { seededRandom } from './testing/seeded-random.ts';

type Cell = number | bigint | null;

function store(type: DataType, cells: readonly (Cell | string)[], maxError: string, bounded = true) {
  const field = new Field('a', type, true, new Map([[MAX_ERROR_METADATA, maxError]]));
  const schema = new Schema([field]);
  const batch = batchOf(schema, cells.length, [vectorFromArray(cells as unknown[], type).data[0]! as Data]);
  const { rowCount, chunks } = encodeRowGroup(batch, { bounded });
  const header = {
    formatVersion: 1,
    schema,
    rowCount,
    rowGroups: [{ rowCount, chunks: [{ ...chunks[0]!, offset: 0 }] }],
  } as const;
  const data = decodeChunk(header, 0, 0, chunks[0]!.unit);
  const back: Cell[] = Array.from({ length: rowCount }, (_, i) =>
    data.getValid(i) ? ((data.values as Float64Array)[i] as Cell) : null,
  );
  return { back, chunk: chunks[0]! };
}

const extremesOf = (cells: readonly Cell[]) => {
  const numbers = cells.filter((cell) => cell !== null && !Number.isNaN(cell)).map(Number);
  return [Math.min(...numbers), Math.max(...numbers)];
};

function expectWithin(given: readonly Cell[], back: readonly Cell[], maxError: string): void {
  const { kind, value: bound } = parseMaxError(maxError);
  expect(back.length).toBe(given.length);
  for (const [i, cell] of given.entries()) {
    const stored = back[i]!;
    if (cell === null || !Number.isFinite(Number(cell))) expect(stored).toEqual(cell);
    else {
      const distance = Math.abs(Number(stored) - Number(cell));
      expect(distance).toBeLessThanOrEqual(kind === 'absolute' ? bound : bound * Math.abs(Number(cell)));
    }
  }
  expect(extremesOf(back)).toEqual(extremesOf(given));
}

const maxError = fc.constantFrom('0.5', '0.001', '3', '1e6', '1%', '0.01%', '50%', '1e-12');
const special = fc.constantFrom(NaN, Infinity, -Infinity, 0, -0, null);

describe('a column with an error bound', () => {
  it('keeps the bound for every float, and NaN, nulls, infinities, the least and the greatest exactly', () => {
    const cell = fc.oneof(fc.double(), fc.double({ min: -100, max: 100 }), fc.integer({ min: -50, max: 50 }), special);
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1, maxLength: 200 }), maxError, (cells, bound) => {
        expectWithin(cells, store(new Float64(), cells, bound).back, bound);
        const singles = cells.map((value) => (value === null ? null : Math.fround(value)));
        expectWithin(singles, store(new Float32(), singles, bound).back, bound);
      }),
    );
  });

  it('keeps the bound for integers', () => {
    const cells = fc.array(fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.integer(), fc.constant(null)), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(cells, fc.constantFrom('0.5', '1', '7', '1e6'), (values, bound) => {
        expectWithin(values, store(new Int32(), values, bound).back, bound);
        const wide = values.map((value) => (value === null ? null : BigInt(value) * 3n));
        expectWithin(wide, store(new Int64(), wide, bound).back, bound);
      }),
    );
  });

  it('takes a good part fewer bytes, says so, and stores exactly what was asked for exactly', () => {
    const random = seededRandom(5);
    let value = 20;
    const sensor = Array.from({ length: 20_000 }, () => (value += (random() - 0.5) / 10));
    const { back, chunk } = store(new Float64(), sensor, '0.05');
    const exact = store(new Float64(), sensor, '0.05', false);
    expectWithin(sensor, back, '0.05');
    expect(exact.back).toEqual(sensor);
    expect(exact.chunk.encoding).not.toHaveProperty('maxError');
    expect(chunk.byteCount).toBeLessThan(exact.chunk.byteCount * 0.2);
    expect(chunk.encoding).toMatchObject({ maxError: '0.05' });
    const relative = store(new Float64(), sensor, '0.1%');
    expectWithin(sensor, relative.back, '0.1%');
    expect(relative.chunk.byteCount).toBeLessThan(exact.chunk.byteCount * 0.25);
  });

  it('refuses what is no bound, and types without one', () => {
    for (const text of ['', 'much', '-1', '0', '100%', '1e999', '0x10']) {
      expect(() => parseMaxError(text)).toThrow(/error bound/);
    }
    expect(() => store(new Utf8(), ['a'], '0.5')).toThrow(/cannot have the error bound/);
    expect(() => store(new Int32(), [1, 2], '1%')).toThrow(/cannot have the error bound/);
  });
});
