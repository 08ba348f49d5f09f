/** Whole tiles of 64x64 blocks, up to four of one size in turn. */
import { decodeBlockSyntax, encodeBlockSyntax, resetSyntax } from './block-syntax.as';
import { decodeMaps } from './decode-map.as';
import { bitsConsumed, startDecoder } from './decoder.as';
import { encodeMaps } from './encode-map.as';
import { finishEncoder, startEncoder } from './encoder.as';
import {
  CACHE,
  CACHE_SIZE,
  CURSOR,
  LIMIT,
  PALETTE,
  PALETTE_CHANGED,
  START,
  streamAt,
  SYMBOLS,
  VALUE_INDEX,
  VALUE_SEEN,
} from './layout.as';
import { MAP_INDICES, MAP_VALUES } from './palette-context.as';

const BLOCK = 64;
const ALPHABET_MAX = 8;

// Continues the refusals of block-syntax.as.ts.
const REFUSED_DATA_ENDS = -9;
const REFUSED_TRAILING_BITS = -10;

/** Prepares stream `index` for the tile at `at` (to `end`, exclusive); its symbols go to `symbols`. */
export function beginDecoding(index: i32, at: usize, end: usize, symbols: usize): void {
  const stream = streamAt(index);
  resetSyntax(stream);
  startDecoder(stream, at, end);
  store<u32>(stream, symbols as u32, SYMBOLS);
}

/** Prepares stream `index` to write a tile at `at` from the symbols at `symbols`. */
export function beginEncoding(index: i32, at: usize, symbols: usize): void {
  const stream = streamAt(index);
  resetSyntax(stream);
  startEncoder(stream, at);
  store<u32>(stream, symbols as u32, SYMBOLS);
}

function overrun(stream: usize): bool {
  return bitsConsumed(stream) >= (((load<u32>(stream, LIMIT) - load<u32>(stream, START)) << 3) as i32);
}

/** After the last symbol of a tile: a one, then zeros ("Exit process for symbol decoder"). */
function endsCleanly(stream: usize): bool {
  const bits = bitsConsumed(stream),
    end = load<u32>(stream, LIMIT) as usize;
  let at = (load<u32>(stream, START) as usize) + ((bits >> 3) as usize);
  if ((((load<u8>(at) as u32) << (bits & 7)) & 255) != 128) return false;
  for (at++; at < end; at++) if (load<u8>(at)) return false;
  return true;
}

/** `refusal - 16 * index of the stream`, for the host. */
function refuse(refusal: i32, index: i32): i32 {
  return refusal - (index << 4);
}

/**
 * Decodes `count` prepared tiles (1, 2 or 4) of `width` x `height` pixels. `map` is one of the MAP_ constants. Returns
 * 0, or -(refusal + 16 * index of the stream).
 */
export function decodeTiles(count: i32, width: i32, height: i32, chroma: bool, map: i32): i32 {
  for (let y = 0; y < height; y += BLOCK)
    for (let x = 0; x < width; x += BLOCK) {
      const blockWidth = min(BLOCK, width - x),
        blockHeight = min(BLOCK, height - y);
      let alphabet = 0,
        alike = true;
      for (let i = 0; i < count; i++) {
        const size = decodeBlockSyntax(streamAt(i), y > 0, x > 0, chroma);
        if (size < 0) return refuse(size, i);
        if (i > 0 && size != alphabet) alike = false;
        alphabet = size;
      }
      if (alike) decodeMaps(0, count, blockWidth, blockHeight, map);
      else for (let i = 0; i < count; i++) decodeMaps(i, 1, blockWidth, blockHeight, map);
      for (let i = 0; i < count; i++) if (overrun(streamAt(i))) return refuse(REFUSED_DATA_ENDS, i);
    }
  for (let i = 0; i < count; i++) if (!endsCleanly(streamAt(i))) return refuse(REFUSED_TRAILING_BITS, i);
  return 0;
}

/** 1 when a block of the tile brought another palette than the one before it. */
export function paletteChanged(index: i32): i32 {
  return load<u32>(streamAt(index), PALETTE_CHANGED);
}

/** The number of colours of the tile's last palette. */
export function paletteSize(index: i32): i32 {
  return load<u32>(streamAt(index), CACHE_SIZE);
}

/** The address of the tile's last palette. */
export function paletteAt(index: i32): usize {
  return streamAt(index) + CACHE;
}

/**
 * Turns the pixel values of a block into indices of its own palette, in place, and puts that palette into PALETTE.
 * Returns its size, or 0 when the block holds more than eight values.
 */
function findPalette(stream: usize, pixelCount: i32): i32 {
  const pixels = load<u32>(stream, SYMBOLS) as usize,
    palette = stream + PALETTE;
  memory.fill(VALUE_SEEN, 0, 256);
  for (let at = pixels; at < pixels + (pixelCount as usize); at++) store<u8>(VALUE_SEEN + (load<u8>(at) as usize), 1);
  let size = 0;
  for (let value = 0; value < 256; value++)
    if (load<u8>(VALUE_SEEN + (value as usize))) {
      if (size == ALPHABET_MAX) return 0;
      store<u8>(VALUE_INDEX + (value as usize), size as u8);
      store<u8>(palette + (size as usize), value as u8);
      size++;
    }
  if (size == 1) {
    // A palette has two colours at least; the second is never used.
    const only = load<u8>(palette);
    if (only < 255) store<u8>(palette + 1, only + 1);
    else {
      store<u8>(palette, 254);
      store<u8>(palette + 1, 255);
      store<u8>(VALUE_INDEX + 255, 1);
    }
    size = 2;
  }
  for (let at = pixels; at < pixels + (pixelCount as usize); at++)
    store<u8>(at, load<u8>(VALUE_INDEX + (load<u8>(at) as usize)));
  return size;
}

/**
 * Encodes `count` prepared tiles (1, 2 or 4) of `width` x `height` pixels with the palette of `size` ascending colours
 * at `colours`. With MAP_VALUES every block gets a palette of its own from its pixel values (which are overwritten), and
 * `size` and `colours` do not count. Returns 0, or 1 when a block holds more than eight values.
 */
export function encodeTiles(
  count: i32,
  width: i32,
  height: i32,
  chroma: bool,
  map: i32,
  size: i32,
  colours: usize,
): i32 {
  for (let y = 0; y < height; y += BLOCK)
    for (let x = 0; x < width; x += BLOCK) {
      const blockWidth = min(BLOCK, width - x),
        blockHeight = min(BLOCK, height - y);
      let alphabet = size,
        alike = true;
      for (let i = 0; i < count; i++) {
        const stream = streamAt(i);
        let own = size;
        if (map == MAP_VALUES) {
          own = findPalette(stream, blockWidth * blockHeight);
          if (own == 0) return 1;
          if (i > 0 && own != alphabet) alike = false;
          alphabet = own;
        } else memory.copy(stream + PALETTE, colours, ALPHABET_MAX);
        encodeBlockSyntax(stream, y > 0, x > 0, chroma, own);
      }
      const inner = map == MAP_VALUES ? MAP_INDICES : map;
      if (alike) encodeMaps(0, count, blockWidth, blockHeight, inner);
      else for (let i = 0; i < count; i++) encodeMaps(i, 1, blockWidth, blockHeight, inner);
    }
  for (let i = 0; i < count; i++) finishEncoder(streamAt(i));
  return 0;
}

/** How many bytes the tile of stream `index` takes after `encodeTiles`. */
export function encodedBytes(index: i32): i32 {
  const stream = streamAt(index);
  return load<u32>(stream, CURSOR) - load<u32>(stream, START);
}
