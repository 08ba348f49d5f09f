import { inflateSync } from 'node:zlib';
import {
  type Data,
  type DataType,
  Decimal,
  Float32,
  Float64,
  Int32,
  type Timestamp,
  TimestampSecond,
  Utf8,
  Uint8,
  vectorFromArray,
} from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import type { ChunkStatistics } from '#core/columnar/index.ts';
import { cellLabel } from './cell-label.ts';
import { columnCells, PICTURE_CELLS_MAX, PICTURE_ROW_GROUPS_MAX, sampledGroups } from './column-cells.ts';
import { cellGrid, drawPicture } from './draw-picture.ts';
import { FIRST_LEVEL, LEVELS, NAN_COLOUR, NULL_COLOUR, PALETTE, viridis, WHITE } from './palette.ts';
import { writePng } from './write-png.ts';

/** A column of row groups; what was decoded is noted in `decoded`. */
function groupsOf(type: DataType, parts: readonly (readonly unknown[])[], statistics: readonly ChunkStatistics[] = []) {
  const decoded: number[] = [];
  const groups = parts.map((values, i) => ({
    rowCount: values.length,
    statistics: statistics[i] ?? { nullCount: values.filter((value) => value === null).length },
    async decode() {
      decoded.push(i);
      return vectorFromArray(values, type).data[0]! as Data;
    },
  }));
  return { groups, decoded };
}

/** The palette indices of the first cells of the picture of a column. */
async function coloursOf(type: DataType, values: readonly unknown[]): Promise<number[]> {
  const cells = await columnCells(groupsOf(type, [values]).groups);
  const { pixels, width } = drawPicture('c', type, cells);
  const { x, y, wide, size } = cellGrid(values.length);
  return values.map((_, i) => pixels[(y + Math.floor(i / wide) * size) * width + x + (i % wide) * size]!);
}

const LAST_LEVEL = FIRST_LEVEL + LEVELS - 1;
const level = (share: number): number => FIRST_LEVEL + Math.round(share * (LEVELS - 1));

describe('the colours of a picture', () => {
  test('follow the order of numbers, with nulls and NaN apart', async () => {
    expect(await coloursOf(new Float64(), [10, -5, null, Number.NaN, 1e300, 10])).toEqual([
      level(1 / 3),
      FIRST_LEVEL,
      NULL_COLOUR,
      NAN_COLOUR,
      LAST_LEVEL,
      level(1 / 3),
    ]);
    expect(await coloursOf(new Float32(), [2, 1, 0])).toEqual([LAST_LEVEL, level(0.5), FIRST_LEVEL]);
    expect(await coloursOf(new Uint8(), [200, 7])).toEqual([LAST_LEVEL, FIRST_LEVEL]);
  });

  test('follow the order of texts by their bytes', async () => {
    const colours = await coloursOf(new Utf8(), ['b', 'Z', '\u{1F600}', '\uFFFD']);
    expect(colours).toEqual([level(1 / 3), FIRST_LEVEL, LAST_LEVEL, level(2 / 3)]);
  });

  test('of a constant are one, from the middle', async () => {
    expect(new Set(await coloursOf(new Int32(), [4, 4, 4]))).toEqual(new Set([FIRST_LEVEL + (LEVELS >> 1)]));
  });

  test('of values are never those of nulls, NaN, ink and ground', () => {
    const colour = (i: number) => PALETTE.subarray(i * 3, i * 3 + 3).join();
    const reserved = [0, 1, 2, 3].map(colour);
    expect(new Set(reserved).size).toBe(4);
    for (let i = FIRST_LEVEL; i <= LAST_LEVEL; i++) expect(reserved).not.toContain(colour(i));
    expect([viridis(0), viridis(1)]).toEqual([
      [68, 1, 84],
      [253, 231, 37],
    ]);
    // Lighter with every step but for rounding, so that the order shows in grey as well.
    const light = Array.from({ length: LEVELS }, (_, i) => viridis(i / (LEVELS - 1))).map(
      ([red, green, blue]) => 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!,
    );
    expect(light.every((value, i) => i === 0 || value > light[i - 1]! - 1)).toBe(true);
  });
});

describe('the cells of a column', () => {
  test('hold the mean of their rows, nulls left out', async () => {
    const values = Array.from({ length: PICTURE_CELLS_MAX * 2 }, (_, i) => (i === 1 ? null : i % 2 === 0 ? 1 : 4));
    const { cells, rowsPerCell } = await columnCells(groupsOf(new Int32(), [values]).groups);
    expect(rowsPerCell).toBe(2);
    expect(cells).toHaveLength(PICTURE_CELLS_MAX);
    expect(cells.slice(0, 3)).toEqual([1, 2.5, 2.5]);
  });

  test('come from a sample of many row groups, the rest from statistics', async () => {
    const count = 40;
    const parts = Array.from({ length: count }, (_, i) => [i, i + 2, null]);
    const statistics = parts.map((_, i) => ({ nullCount: 1, min: i, max: i + 2, sum: 2 * i + 2 }));
    const { groups, decoded } = groupsOf(new Int32(), parts, statistics);
    const { cells, decodedCount } = await columnCells(groups);
    expect(decodedCount).toBe(PICTURE_ROW_GROUPS_MAX);
    expect(decoded).toEqual([...sampledGroups(count)]);
    expect([decoded[0], decoded.at(-1)]).toEqual([0, count - 1]);
    expect(cells.slice(0, 3)).toEqual([0, 2, null]);
    expect(sampledGroups(count).has(1)).toBe(false);
    expect(cells.slice(3, 6)).toEqual([2, 2, 2]);
  });

  test('of row groups that are all alike need no decoding', async () => {
    const { groups, decoded } = groupsOf(
      new Int32(),
      [
        [7, 7],
        [null, null],
      ],
      [{ nullCount: 0, min: 7, max: 7 }, { nullCount: 2 }],
    );
    expect((await columnCells(groups)).cells).toEqual([7, 7, null, null]);
    expect(decoded).toEqual([]);
  });

  test('are decimals as numbers, and nothing for a table without rows', async () => {
    const type = new Decimal(2, 10, 128);
    const data = {
      type,
      length: 2,
      nullCount: 0,
      values: Uint32Array.of(150, 0, 0, 0, 0xffffff9c, ...Array(3).fill(0xffffffff)),
    };
    const group = { rowCount: 2, statistics: { nullCount: 0 }, decode: async () => data as unknown as Data };
    expect((await columnCells([group])).cells).toEqual([1.5, -1]);
    const { height, pixels } = drawPicture('empty', type, await columnCells([]));
    expect(height).toBeGreaterThan(0);
    expect(pixels[0]).toBe(WHITE);
  });
});

test('a legend tells a time as a time', () => {
  expect(cellLabel(new TimestampSecond() as Timestamp, 1_700_000_000)).toBe('2023-11-14T22:13:20.000Z');
  expect(cellLabel(new Float64(), 1 / 3)).toBe('0.333333333');
  expect(cellLabel(new Utf8(), 'a'.repeat(99))).toHaveLength(24);
});

test('a PNG file holds the picture', () => {
  const pixels = Uint8Array.from({ length: 6 }, (_, i) => i);
  const png = writePng({ width: 3, height: 2, pixels }, PALETTE);
  const view = new DataView(png.buffer, png.byteOffset);
  expect([view.getUint32(16), view.getUint32(20)]).toEqual([3, 2]);
  const data = 8 + 25 + 12 + PALETTE.length;
  expect(Buffer.from(png.subarray(data + 4, data + 8)).toString()).toBe('IDAT');
  const lines = inflateSync(png.subarray(data + 8, data + 8 + view.getUint32(data)));
  expect([...lines]).toEqual([0, 0, 1, 2, 0, 3, 4, 5]);
});
