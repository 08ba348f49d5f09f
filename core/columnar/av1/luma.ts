import { GranaryError } from '#core/kernel/index.ts';
import { planeToSymbols, symbolsToPlane } from './block-order.ts';
import { align, HEAP, useCodec } from './codec-instance.ts';
import { BLOCK_SIZE, type FrameSize, isProfileSize, SYMBOLS_MAX, tileGrid } from './frame-shape.ts';
import { placeholderPicture } from './placeholder.ts';
import { decodeTilesAt, encodeTilesAt, encodeTilesBytes, SLACK_BYTES } from './tile-coding.ts';
import { readUnit, writeUnit } from './unit.ts';

/** A picture of shades of grey. */
export interface Luma extends FrameSize {
  /** Row by row, without gaps. */
  readonly pixels: Uint8Array;
}

/** Whether a picture of this size can be coded by {@link encodeLuma}, whatever its pixels. */
export const isLumaSize = (size: FrameSize): boolean =>
  isProfileSize(size) && size.width * size.height <= SYMBOLS_MAX && size.width < 2 ** 16 && size.height < 2 ** 16;

/** Four tile rows where they come out equal, else two, else one: equal tiles are coded in turn. */
function tileRowsLog2(height: number): number {
  const rows = height / BLOCK_SIZE;
  if (rows % 4 === 0) return 2;
  return rows % 2 === 0 ? 1 : 0;
}

/**
 * One temporal unit with a picture, every block with a palette of its own. Errors: `UNSUPPORTED` for a size outside the
 * profile, or when a block of 64 x 64 pixels holds more than eight shades.
 */
export function encodeLuma({ width, height, pixels }: Luma): Uint8Array {
  const size = { width, height };
  if (!isLumaSize(size))
    throw new GranaryError(
      'UNSUPPORTED',
      `A frame of ${width} x ${height} pixels lies outside the column profile: width and height must be multiples of 8, and 0 or more than 32 modulo 64.`,
    );
  const grid = tileGrid(size, { columnsLog2: 0, rowsLog2: tileRowsLog2(height) });
  const codec = useCodec();
  const at = HEAP + align(pixels.length + SLACK_BYTES);
  codec.reserve(at + encodeTilesBytes(grid.tiles)).set(planeToSymbols(pixels, size, grid.tiles), HEAP);
  const tiles = encodeTilesAt(codec, {
    tiles: grid.tiles,
    symbolsAt: HEAP,
    at,
    mapping: 'value',
    colours: new Uint8Array(),
  });
  if (!tiles) throw new GranaryError('UNSUPPORTED', 'A block of 64 x 64 pixels holds more than eight shades of grey.');
  return writeUnit(size, grid, tiles, []);
}

/**
 * The picture of a temporal unit of the column profile, of whatever palettes. Errors: `CODEC_PROFILE`, `CODEC_DAMAGED`,
 * `CODEC_TRUNCATED`, `LIMIT_EXCEEDED`.
 */
export function decodeLuma(unit: Uint8Array): Luma {
  const placeholder = placeholderPicture(unit);
  if (placeholder) return placeholder;
  const parsed = readUnit(unit, SYMBOLS_MAX);
  const codec = useCodec();
  const { at, count } = decodeTilesAt(codec, parsed, HEAP, 'value');
  const symbols = codec.reserve(HEAP).subarray(at, at + count);
  return { width: parsed.width, height: parsed.height, pixels: symbolsToPlane(symbols, parsed, parsed.tiles) };
}
