import { GranaryError } from '#core/kernel/index.ts';

/** Pixels on a side of a block; the profile codes every block of a frame alike. */
export const BLOCK_SIZE = 64;
export const BLOCK_SYMBOLS = BLOCK_SIZE * BLOCK_SIZE;

/** One frame's symbols: 4096 x 4096 pixels are what standard decoders were tried with. */
export const SYMBOLS_MAX = 2 ** 24;

/** AV1 "Tile info syntax": a tile is at most this wide and large, and there are at most 64 in each direction. */
const TILE_BLOCKS_WIDE_MAX = 64;
const TILE_BLOCKS_MAX = 2304;
const TILES_EACH_WAY_MAX = 64;

export interface FrameSize {
  /** Pixels; multiples of 8 that are 0 or more than 32 modulo 64. */
  readonly width: number;
  readonly height: number;
}

/** A rectangle of pixels of the frame that is coded on its own. */
export interface Tile extends FrameSize {
  readonly x: number;
  readonly y: number;
}

/** How a frame is cut into tiles (AV1 "Tile info syntax", uniform spacing). Numbers of tiles are powers of two. */
export interface TileGrid {
  readonly columnsLog2: number;
  readonly rowsLog2: number;
  /** The bounds within which the frame header codes them; the least number of rows depends on that of columns. */
  readonly columnsLog2Min: number;
  readonly columnsLog2Max: number;
  readonly rowsLog2Min: number;
  readonly rowsLog2Max: number;
  /** In the order of their data: rows from the top, in each from the left. */
  readonly tiles: readonly Tile[];
}

/** The least k for which `unit << k` reaches `target` (AV1 "tile_log2"). */
function tileLog2(unit: number, target: number): number {
  let k = 0;
  while (unit << k < target) k++;
  return k;
}

const clamp = (value: number, min: number, max: number): number => Math.min(max, Math.max(min, value));

const blocks = (pixels: number): number => Math.ceil(pixels / BLOCK_SIZE);

/** The bounds of a frame's numbers of tiles, as powers of two. */
export function tileLimits({ width, height }: FrameSize) {
  const wide = blocks(width);
  const high = blocks(height);
  const columnsLog2Min = tileLog2(TILE_BLOCKS_WIDE_MAX, wide);
  return {
    columnsLog2Min,
    columnsLog2Max: tileLog2(1, Math.min(wide, TILES_EACH_WAY_MAX)),
    rowsLog2Max: tileLog2(1, Math.min(high, TILES_EACH_WAY_MAX)),
    tilesLog2Min: Math.max(columnsLog2Min, tileLog2(TILE_BLOCKS_MAX, high * wide)),
  };
}

/** The grid nearest to the wanted one that AV1 allows for a frame. */
export function tileGrid(size: FrameSize, wanted: { columnsLog2: number; rowsLog2: number }): TileGrid {
  const { columnsLog2Min, columnsLog2Max, rowsLog2Max, tilesLog2Min } = tileLimits(size);
  const columnsLog2 = clamp(wanted.columnsLog2, columnsLog2Min, columnsLog2Max);
  const rowsLog2Min = Math.max(tilesLog2Min - columnsLog2, 0);
  const rowsLog2 = clamp(wanted.rowsLog2, rowsLog2Min, rowsLog2Max);
  const tileWidth = Math.ceil(blocks(size.width) / 2 ** columnsLog2) * BLOCK_SIZE;
  const tileHeight = Math.ceil(blocks(size.height) / 2 ** rowsLog2) * BLOCK_SIZE;
  const tiles: Tile[] = [];
  for (let y = 0; y < size.height; y += tileHeight)
    for (let x = 0; x < size.width; x += tileWidth)
      tiles.push({
        x,
        y,
        width: Math.min(tileWidth, size.width - x),
        height: Math.min(tileHeight, size.height - y),
      });
  return { columnsLog2, rowsLog2, columnsLog2Min, columnsLog2Max, rowsLog2Min, rowsLog2Max, tiles };
}

/** Other sizes force AV1 to split the blocks at the edge ("Decode partition syntax"). */
export const isProfileSize = ({ width, height }: FrameSize): boolean =>
  [width, height].every((pixels) => pixels > 0 && pixels % 8 === 0 && (pixels % 64 === 0 || pixels % 64 > 32));

/** Wider frames than this many blocks look no better in a player and pad more. */
const COLUMN_BLOCKS_WIDE_MAX = 16;
/** A frame may pad by this part of its symbols to be less of a ribbon. */
const PADDING_MAX = 1 / 16;

/**
 * The frame that holds a column of `symbolCount` symbols: whole blocks, four tile rows of equal height from four blocks
 * on (they are decoded in turn, which hides latency), the rest padded with zero symbols. It is part of the format: the
 * reader derives it from the count and refuses any other. Errors: `INPUT_INVALID`, `LIMIT_EXCEEDED`.
 */
export function columnFrame(symbolCount: number): FrameSize & { readonly rowsLog2: number; readonly capacity: number } {
  if (!Number.isSafeInteger(symbolCount) || symbolCount < 1)
    throw new GranaryError('INPUT_INVALID', `A frame holds at least one symbol, not ${symbolCount}.`);
  if (symbolCount > SYMBOLS_MAX)
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `A frame holds at most ${SYMBOLS_MAX} symbols, not ${symbolCount}. Use smaller row groups.`,
    );
  const blockCount = Math.ceil(symbolCount / BLOCK_SYMBOLS);
  const rowsLog2 = blockCount >= 4 ? 2 : 0;
  const rows = 2 ** rowsLog2;
  const highAt = (wide: number) => rows * Math.ceil(blockCount / (rows * wide));
  let wide = COLUMN_BLOCKS_WIDE_MAX;
  while (wide > 1 && (wide > highAt(wide) || highAt(wide) * wide - blockCount > blockCount * PADDING_MAX)) wide /= 2;
  const high = highAt(wide);
  return { width: wide * BLOCK_SIZE, height: high * BLOCK_SIZE, rowsLog2, capacity: wide * high * BLOCK_SYMBOLS };
}
