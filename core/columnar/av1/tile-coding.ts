import { GranaryError } from '#core/kernel/index.ts';
import { align, type Codec } from './codec-instance.ts';
import { BLOCK_SYMBOLS, type FrameSize } from './frame-shape.ts';
import type { Unit } from './unit.ts';

/**
 * What the coded symbols stand for: `rank` = the symbols themselves (each pixel takes the colour that its neighbours
 * give that rank: an adaptive order-0 coder), `raw` = colour indices (neighbours give context), `value` = pixel values
 * with a palette per block.
 */
export type SymbolMapping = 'rank' | 'raw' | 'value';

/** The MAP_ constants of `palette-context.as.ts`. */
const MAP_CODES: Readonly<Record<SymbolMapping, number>> = { rank: 0, raw: 1, value: 2 };

/** Bytes of slack after what the module reads or writes in whole words and vectors. */
export const SLACK_BYTES = 64;

/** How many tiles of one size are coded in turn, the first of `sizes` being the next: 4, 2 or 1. */
function tilesInTurn(sizes: readonly FrameSize[], start: number): number {
  const { width, height } = sizes[start]!;
  const alike = (i: number) => sizes[i]?.width === width && sizes[i]?.height === height;
  if (alike(start + 1)) return alike(start + 2) && alike(start + 3) ? 4 : 2;
  return 1;
}

/** What a block's syntax or data can be refused for: the negative results of `decodeTiles` in `tiles.as.ts`. */
const REFUSALS: Readonly<Record<number, { readonly damaged: boolean; readonly what: string }>> = {
  1: { damaged: false, what: 'a partitioned block' },
  2: { damaged: false, what: 'a block with a residual' },
  3: { damaged: false, what: 'a luma mode other than DC_PRED' },
  4: { damaged: false, what: 'a chroma mode other than DC_PRED' },
  5: { damaged: false, what: 'a block without a palette' },
  6: { damaged: false, what: 'a chroma palette' },
  7: { damaged: true, what: 'a palette with a colour out of range or twice' },
  9: { damaged: true, what: 'a tile that ends before its last symbol' },
  10: { damaged: true, what: 'a tile with wrong trailing bits' },
};

export interface DecodedTiles {
  /** Where the symbols lie in the module's memory: tile after tile, block after block, in coding order. */
  readonly at: number;
  readonly count: number;
  /** The palette of the last block. */
  readonly palette: Uint8Array;
}

/** The memory that {@link decodeTilesAt} needs from its `at` on. */
export const decodeTilesBytes = (unit: Unit): number =>
  align(unit.width * unit.height + SLACK_BYTES) +
  unit.tiles.reduce((sum, { data }) => sum + align(data.length + SLACK_BYTES), 0);

/**
 * Decodes a unit's tiles into the module's memory at `at`, which must be reserved. Errors: `CODEC_PROFILE` (also when
 * the palette changes within the frame, unless the mapping is `value`), `CODEC_DAMAGED`.
 */
export function decodeTilesAt(codec: Codec, unit: Unit, at: number, mapping: SymbolMapping): DecodedTiles {
  const { exports } = codec;
  const memory = codec.reserve(at + decodeTilesBytes(unit));
  let dataAt = at + align(unit.width * unit.height + SLACK_BYTES);
  let symbolsAt = at;
  let palette: Uint8Array | undefined;
  for (let start = 0; start < unit.tiles.length;) {
    const count = tilesInTurn(unit.tiles, start);
    const turn = unit.tiles.slice(start, start + count);
    turn.forEach((tile, i) => {
      memory.set(tile.data, dataAt);
      exports.beginDecoding(i, dataAt, dataAt + tile.data.length, symbolsAt);
      dataAt += align(tile.data.length + SLACK_BYTES);
      symbolsAt += tile.width * tile.height;
    });
    const { width, height } = turn[0]!;
    const result = exports.decodeTiles(count, width, height, !unit.monochrome, MAP_CODES[mapping]);
    if (result !== 0) throw refused(result, start);
    for (let i = 0; i < count; i++) {
      const tilePalette = memory.slice(exports.paletteAt(i), exports.paletteAt(i) + exports.paletteSize(i));
      const changed =
        exports.paletteChanged(i) !== 0 ||
        (palette && (palette.length !== tilePalette.length || palette.some((colour, j) => colour !== tilePalette[j])));
      if (changed && mapping !== 'value')
        throw new GranaryError('CODEC_PROFILE', 'The palette changes within the AV1 frame.');
      palette = tilePalette;
    }
    start += count;
  }
  return { at, count: symbolsAt - at, palette: palette! };
}

function refused(result: number, start: number): GranaryError {
  const refusal = REFUSALS[-result & 15]!;
  const tile = start + (-result >> 4);
  return new GranaryError(
    refusal.damaged ? 'CODEC_DAMAGED' : 'CODEC_PROFILE',
    `Tile ${tile} of the AV1 frame holds ${refusal.what}.`,
  );
}

/** A coded symbol takes 13 bits at most; a block's syntax and the end of a tile come on top. */
const tileBytesMax = ({ width, height }: FrameSize): number => {
  const symbols = width * height;
  return align(Math.ceil((symbols * 13) / 8) + Math.ceil(symbols / BLOCK_SYMBOLS) * 64 + 4096 + SLACK_BYTES);
};

/** The memory that {@link encodeTilesAt} needs from its `at` on. */
export const encodeTilesBytes = (tiles: readonly FrameSize[]): number =>
  SLACK_BYTES + tiles.reduce((sum, tile) => sum + tileBytesMax(tile), 0);

/**
 * Encodes the symbols at `symbolsAt`, tile after tile, with the data written at `at`; both must be reserved, with
 * SLACK_BYTES after the symbols. With the mapping `value` the symbols are overwritten. Returns views of the tiles' data,
 * valid until the next call on the codec, or undefined when a block holds more than eight values.
 */
export function encodeTilesAt(
  codec: Codec,
  input: {
    readonly tiles: readonly FrameSize[];
    readonly symbolsAt: number;
    readonly at: number;
    readonly mapping: SymbolMapping;
    /** Ascending; empty with the mapping `value`. */
    readonly colours: Uint8Array;
  },
): Uint8Array[] | undefined {
  const { exports } = codec;
  const memory = codec.reserve(input.at + encodeTilesBytes(input.tiles));
  const coloursAt = input.at;
  memory.set(input.colours, coloursAt);
  let dataAt = coloursAt + SLACK_BYTES;
  let symbolsAt = input.symbolsAt;
  const encoded: Uint8Array[] = [];
  for (let start = 0; start < input.tiles.length;) {
    const count = tilesInTurn(input.tiles, start);
    const turn = input.tiles.slice(start, start + count);
    const starts = turn.map((tile, i) => {
      const tileAt = dataAt;
      exports.beginEncoding(i, tileAt, symbolsAt);
      dataAt += tileBytesMax(tile);
      symbolsAt += tile.width * tile.height;
      return tileAt;
    });
    const { width, height } = turn[0]!;
    if (
      exports.encodeTiles(count, width, height, true, MAP_CODES[input.mapping], input.colours.length, coloursAt) !== 0
    )
      return undefined;
    starts.forEach((tileAt, i) => encoded.push(memory.subarray(tileAt, tileAt + exports.encodedBytes(i))));
    start += count;
  }
  return encoded;
}
