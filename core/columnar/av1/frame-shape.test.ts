import { describe, expect, it } from 'vitest';
import { BLOCK_SYMBOLS, columnFrame, isProfileSize, SYMBOLS_MAX, tileGrid } from './frame-shape.ts';

/** Counts around every number of blocks up to 300, then ever larger ones. */
function* counts(): Generator<number> {
  for (let blocks = 1; blocks <= 300; blocks++)
    for (const count of [blocks * BLOCK_SYMBOLS - 1, blocks * BLOCK_SYMBOLS, blocks * BLOCK_SYMBOLS + 1]) yield count;
  for (let count = 2_000_000; count <= SYMBOLS_MAX; count += 123_457) yield count;
  yield SYMBOLS_MAX;
}

describe('the frame of a column', () => {
  it('holds the symbols in tiles of equal size, with little padding', () => {
    for (const count of counts()) {
      const frame = columnFrame(count);
      expect(isProfileSize(frame)).toBe(true);
      expect(frame.capacity).toBe(frame.width * frame.height);
      expect(frame.capacity).toBeGreaterThanOrEqual(count);
      // Three blocks more at most, or a sixteenth.
      const blocks = Math.ceil(count / BLOCK_SYMBOLS);
      expect(frame.capacity / BLOCK_SYMBOLS - blocks).toBeLessThanOrEqual(Math.max(3, blocks / 16));
      const { tiles } = tileGrid(frame, { columnsLog2: 0, rowsLog2: frame.rowsLog2 });
      expect(tiles.length).toBe(blocks >= 4 ? 4 : 1);
      expect(new Set(tiles.map(({ width, height }) => `${width} ${height}`)).size).toBe(1);
    }
  });

  it('stays within what levels of AV1 allow, up to four million symbols', () => {
    for (const count of counts()) if (count <= 2 ** 22) expect(columnFrame(count).height).toBeLessThanOrEqual(8704);
  });

  it('is part of the format: these sizes never change', () => {
    const size = (count: number) => {
      const { width, height } = columnFrame(count);
      return `${width}x${height}`;
    };
    expect([1, 4097, 16_384, 30_000, 100_000, 262_144, 600_000, 1_048_576, 3_000_000].map(size)).toEqual([
      '64x64',
      '64x128',
      '64x256',
      '128x256',
      '64x1792',
      '512x512',
      '128x4864',
      '1024x1024',
      '1024x3072',
    ]);
  });
});
