import {
  Bool,
  type Data,
  Dictionary,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  Null,
  TimestampMillisecond,
  Uint16,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeLuma } from './av1/luma.ts';
import { columnPicture, PICTURE_BYTES_PART, PICTURE_LEVELS, PICTURE_SIDE, pictureUnit } from './column-picture.ts';
import { arbitraryData, arbitraryType } from './testing/arbitrary-batch.ts';
import { seededRandom } from './testing/seeded-random.ts';

const CELLS = PICTURE_SIDE * PICTURE_SIDE;
const ramp = Array.from({ length: CELLS }, (_, i) => i);
const dataOf = (vector: { readonly data: readonly Data[] }): Data => vector.data[0]!;

const isAscending = (cells: Uint8Array) => cells.every((cell, i) => i === 0 || cell >= cells[i - 1]!);

test.each<[string, Data]>([
  ['integers', dataOf(vectorFromArray(ramp, new Int32()))],
  [
    'integers of 64 bits',
    dataOf(
      vectorFromArray(
        ramp.map((i) => BigInt(i - 2000) * 10n ** 14n),
        new Int64(),
      ),
    ),
  ],
  [
    'floats',
    dataOf(
      vectorFromArray(
        ramp.map((i) => i / 7 - 100),
        new Float64(),
      ),
    ),
  ],
  [
    'times',
    dataOf(
      vectorFromArray(
        ramp.map((i) => 1.7e12 + i),
        new TimestampMillisecond(),
      ),
    ),
  ],
  [
    'booleans',
    dataOf(
      vectorFromArray(
        ramp.map((i) => i > 1000),
        new Bool(),
      ),
    ),
  ],
  [
    'texts',
    dataOf(
      vectorFromArray(
        ramp.map((i) => `place ${String(i).padStart(4, '0')}`),
        new Utf8(),
      ),
    ),
  ],
  [
    'dictionary texts',
    dataOf(
      vectorFromArray(
        ramp.map((i) => `${String.fromCharCode(97 + (i >> 8))}`),
        new Dictionary(new Utf8(), new Uint16()),
      ),
    ),
  ],
])('time flows and colours follow the order of %s', (_, data) => {
  const cells = columnPicture(data)!;
  expect(isAscending(cells)).toBe(true);
  expect([cells[0], cells.at(-1)]).toEqual([1, PICTURE_LEVELS]);
});

test('null has a colour of its own, and NaN shares it', () => {
  const values = ramp.map((i) => (i < 100 ? null : i < 200 ? Number.NaN : i));
  const cells = columnPicture(dataOf(vectorFromArray(values, new Float64())))!;
  expect(cells.subarray(0, 200).every((cell) => cell === 0)).toBe(true);
  expect(cells.subarray(200).every((cell) => cell > 0)).toBe(true);
  const nothing = columnPicture(dataOf(vectorFromArray([null, null], new Null())))!;
  expect(nothing.every((cell) => cell === 0)).toBe(true);
});

test('one outlier does not flatten the others', () => {
  const cells = columnPicture(
    dataOf(
      vectorFromArray(
        ramp.map((i) => (i === 77 ? 1e300 : i)),
        new Float64(),
      ),
    ),
  )!;
  expect(new Set(cells).size).toBe(PICTURE_LEVELS);
});

test('every type has a picture, whatever its values', () => {
  const cases = arbitraryType().chain((type) => fc.nat({ max: 40 }).chain((rows) => arbitraryData(type, rows)));
  fc.assert(
    fc.property(cases, (data) => {
      const cells = columnPicture(data);
      expect(cells === undefined).toBe(data.length === 0);
      expect(cells?.every((cell) => cell <= PICTURE_LEVELS) ?? true).toBe(true);
    }),
    { numRuns: 500 },
  );
  expect(columnPicture(dataOf(vectorFromArray([[1], [2]], new List(new Field('item', new Int32(), true)))))![0]).toBe(
    4,
  );
});

test('a picture costs no more than its part of the chunk, and is a frame of its cells', () => {
  const random = seededRandom(8);
  const noise = dataOf(
    vectorFromArray(
      ramp.map(() => (random() < 0.1 ? null : random())),
      new Float64(),
    ),
  );
  expect(pictureUnit(noise, 10_000)).toBeUndefined();
  const seen = new Set<number>();
  for (let byteCount = 20_000; byteCount < 600_000; byteCount += 20_000) {
    const unit = pictureUnit(noise, byteCount);
    if (!unit) continue;
    expect(unit.length).toBeLessThanOrEqual(byteCount * PICTURE_BYTES_PART);
    const { width, height, pixels } = decodeLuma(unit);
    expect([width, height]).toEqual([PICTURE_SIDE, PICTURE_SIDE]);
    const shades = [...new Set(pixels)].toSorted((a, b) => a - b);
    seen.add(shades.length);
    const cells = columnPicture(noise, shades.length - 1)!;
    expect(
      Buffer.compare(
        pixels,
        cells.map((cell) => shades[cell]!),
      ),
    ).toBe(0);
    expect(shades[0]).toBe(16);
  }
  // Two, four and seven levels of values, as much as fits.
  expect([...seen].toSorted((a, b) => a - b)).toEqual([3, 5, 8]);
});
