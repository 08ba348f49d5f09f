import { GranaryError } from '#core/kernel/index.ts';
import { align, HEAP, useCodec } from './codec-instance.ts';
import { columnFrame, tileGrid } from './frame-shape.ts';
import { decodeTilesAt, encodeTilesAt, encodeTilesBytes, SLACK_BYTES } from './tile-coding.ts';
import { readUnit, writeUnit } from './unit.ts';

/** The smallest palette that AV1 codes. */
export const ALPHABET_MIN = 2;
/** The largest palette that AV1 codes. */
export const ALPHABET_MAX = 8;

/** `rank` suits symbols whose neighbours say little (classes, codes); `raw` suits runs and pictures. */
export type PaletteMapping = 'rank' | 'raw';

export interface EncodePaletteOptions {
  /** How many different symbols there are, 2 to 8; every symbol is below. */
  readonly alphabet: number;
  readonly mapping: PaletteMapping;
  /** Carried along in the unit, see {@link readMetadata}. */
  readonly metadata?: Uint8Array;
  /** The luma of each symbol, ascending; evenly spread shades of grey when left out. */
  readonly colours?: Uint8Array;
}

/** Shades that stay apart on a player that takes the frame for limited range (16 to 235). */
export const defaultColours = (alphabet: number): Uint8Array =>
  Uint8Array.from({ length: alphabet }, (_, i) => Math.round(16 + (i * 219) / (alphabet - 1)));

function checkOptions({ alphabet, colours }: EncodePaletteOptions): void {
  if (!Number.isInteger(alphabet) || alphabet < ALPHABET_MIN || alphabet > ALPHABET_MAX)
    throw new GranaryError('INPUT_INVALID', `An alphabet has 2 to 8 symbols, not ${alphabet}.`);
  if (colours && (colours.length !== alphabet || colours.some((colour, i) => i > 0 && colour <= colours[i - 1]!)))
    throw new GranaryError('INPUT_INVALID', `An alphabet of ${alphabet} needs as many colours, ascending.`);
}

/**
 * One temporal unit that holds `symbols`, in the order in which they are given, and the metadata. Errors:
 * `INPUT_INVALID` for a symbol outside the alphabet or wrong options, `LIMIT_EXCEEDED`.
 */
export function encodePalette(symbols: Uint8Array, options: EncodePaletteOptions): Uint8Array {
  checkOptions(options);
  const { alphabet, mapping } = options;
  const frame = columnFrame(symbols.length);
  const grid = tileGrid(frame, { columnsLog2: 0, rowsLog2: frame.rowsLog2 });
  const codec = useCodec();
  const at = HEAP + align(frame.capacity + SLACK_BYTES);
  const memory = codec.reserve(at + encodeTilesBytes(grid.tiles));
  memory.set(symbols, HEAP);
  memory.fill(0, HEAP + symbols.length, at);
  if (codec.exports.largestByte(HEAP, symbols.length) >= alphabet)
    throw new GranaryError('INPUT_INVALID', `A symbol lies outside the alphabet of ${alphabet}.`);
  const tiles = encodeTilesAt(codec, {
    tiles: grid.tiles,
    symbolsAt: HEAP,
    at,
    mapping,
    colours: options.colours ?? defaultColours(alphabet),
  });
  return writeUnit(frame, grid, tiles!, [options.metadata ?? new Uint8Array()]);
}

export interface DecodedPalette {
  readonly symbols: Uint8Array;
  readonly alphabet: number;
  readonly metadata: Uint8Array;
}

/**
 * The symbols of a unit of {@link encodePalette}. The frame must have the size that `symbolCount` implies. Errors:
 * `CODEC_PROFILE`, `CODEC_DAMAGED`, `CODEC_TRUNCATED`, `LIMIT_EXCEEDED`.
 */
export function decodePalette(
  unit: Uint8Array,
  options: { readonly symbolCount: number; readonly mapping: PaletteMapping },
): DecodedPalette {
  const parsed = readColumnUnit(unit, options.symbolCount);
  const codec = useCodec();
  const { at, palette } = decodeTilesAt(codec, parsed, HEAP, options.mapping);
  return {
    symbols: codec.reserve(HEAP).slice(at, at + options.symbolCount),
    alphabet: palette.length,
    metadata: parsed.metadata,
  };
}

/** A unit whose frame must be that of a column of `symbolCount` symbols. */
export function readColumnUnit(unit: Uint8Array, symbolCount: number) {
  const frame = columnFrame(symbolCount);
  const parsed = readUnit(unit, frame.capacity);
  if (parsed.width !== frame.width || parsed.height !== frame.height)
    throw new GranaryError(
      'CODEC_DAMAGED',
      `The AV1 frame has ${parsed.width} x ${parsed.height} pixels, but ${symbolCount} symbols fill ${frame.width} x ${frame.height}.`,
    );
  return parsed;
}
