/**
 * What stands before the index map of a 64x64 block ("Decode partition syntax", "Intra frame mode info syntax",
 * "Palette mode info syntax"). The profile's blocks are all alike: no partition, skipped, DC prediction, a luma
 * palette, no chroma palette.
 */
import {
  ALPHABET,
  CACHE,
  CACHE_SIZE,
  CDF_IMAGE,
  CDF_IMAGE_BYTES,
  COLOUR_CDFS,
  COLOUR_CDFS_BYTES,
  PALETTE,
  PALETTE_CHANGED,
  STORED_CDFS,
  SYNTAX_CDFS,
  WARM,
} from './layout.as';
import { decodeLiteral, decodeSyntax } from './decoder.as';
import { encodeLiteral, encodeSyntax } from './encoder.as';

// Rows of SYNTAX_CDFS, 32 bytes each. The rows with three contexts count the neighbours above and to the left.
const PARTITION: usize = SYNTAX_CDFS;
const SKIP: usize = SYNTAX_CDFS + 32;
const Y_MODE: usize = SYNTAX_CDFS + 128;
const UV_MODE: usize = SYNTAX_CDFS + 160;
const HAS_PALETTE_Y: usize = SYNTAX_CDFS + 192;
const PALETTE_SIZE_Y: usize = SYNTAX_CDFS + 288;
const HAS_PALETTE_UV: usize = SYNTAX_CDFS + 320;

const PARTITION_SYMBOLS = 10;
const MODE_SYMBOLS = 13;
const PALETTE_SIZE_SYMBOLS = 7;

// Refusals of decodeBlockSyntax; the host names them.
const REFUSED_PARTITION = -1;
const REFUSED_SKIP = -2;
const REFUSED_Y_MODE = -3;
const REFUSED_UV_MODE = -4;
const REFUSED_NO_PALETTE = -5;
const REFUSED_UV_PALETTE = -6;
const REFUSED_COLOURS = -7;

/** Puts a stream's probabilities and palette cache to the state at the start of a tile. */
export function resetSyntax(stream: usize): void {
  memory.copy(stream + SYNTAX_CDFS, CDF_IMAGE, CDF_IMAGE_BYTES);
  store<u32>(stream, 0, ALPHABET);
  store<u32>(stream, 0, CACHE_SIZE);
  store<u32>(stream, 0, PALETTE_CHANGED);
}

/** Makes the colour probabilities of an alphabet the active ones; those of the others persist across the tile. */
function useAlphabet(stream: usize, alphabet: i32): void {
  const active = load<u32>(stream, ALPHABET) as i32;
  if (active == alphabet) return;
  const stored = stream + STORED_CDFS;
  if (active)
    memory.copy(stored + ((active - 2) as usize) * COLOUR_CDFS_BYTES, stream + COLOUR_CDFS, COLOUR_CDFS_BYTES);
  memory.copy(stream + COLOUR_CDFS, stored + ((alphabet - 2) as usize) * COLOUR_CDFS_BYTES, COLOUR_CDFS_BYTES);
  store<u32>(stream, alphabet, ALPHABET);
  store<u32>(stream, 0, WARM);
}

function ceilLog2(number: i32): i32 {
  return number < 2 ? 0 : 32 - (clz<u32>((number - 1) as u32) as i32);
}

/** Sorts the palette, notes it in the cache, and whether it changed. False when a colour comes twice. */
function adoptPalette(stream: usize, size: i32): bool {
  const palette = stream + PALETTE;
  for (let i = 1; i < size; i++) {
    const colour = load<u8>(palette + i);
    let j = i;
    for (; j > 0 && load<u8>(palette + j - 1) > colour; j--) store<u8>(palette + j, load<u8>(palette + j - 1));
    store<u8>(palette + j, colour);
  }
  const cached = load<u32>(stream, CACHE_SIZE) as i32;
  let changed = cached != 0 && cached != size;
  for (let i = 0; i < size; i++) {
    const colour = load<u8>(palette + i);
    if (i > 0 && colour == load<u8>(palette + i - 1)) return false;
    if (cached && colour != load<u8>(stream + i, CACHE)) changed = true;
    store<u8>(stream + i, colour, CACHE);
  }
  store<u32>(stream, size, CACHE_SIZE);
  if (changed) store<u32>(stream, 1, PALETTE_CHANGED);
  return true;
}

/** "Palette mode info syntax" and "Get palette cache function" for luma: the cache is the left block's palette. */
function decodePalette(stream: usize, size: i32, hasLeft: bool): bool {
  const palette = stream + PALETTE,
    cached = hasLeft ? (load<u32>(stream, CACHE_SIZE) as i32) : 0;
  let count = 0;
  for (let i = 0; i < cached && count < size; i++)
    if (decodeLiteral(stream, 1)) store<u8>(palette + count++, load<u8>(stream + i, CACHE));
  if (count < size) {
    let colour = decodeLiteral(stream, 8);
    store<u8>(palette + count++, colour as u8);
    let bits = count < size ? 5 + decodeLiteral(stream, 2) : 0;
    while (count < size) {
      colour += decodeLiteral(stream, bits) + 1;
      if (colour > 255) return false;
      store<u8>(palette + count++, colour as u8);
      bits = min(bits, ceilLog2(255 - colour));
    }
  }
  return adoptPalette(stream, size);
}

/** How many bits more than 5 the differences of the palette's colours that are not `skipped` need at first. */
function extraBits(palette: usize, size: i32, skipped: i32): i32 {
  for (let extra = 0; extra < 3; extra++) {
    let bits = 5 + extra,
      before = -1,
      fits = true;
    for (let i = 0; i < size; i++) {
      if ((skipped >> i) & 1) continue;
      const colour = load<u8>(palette + i) as i32;
      if (before >= 0) {
        if (colour - before - 1 >= 1 << bits) fits = false;
        bits = min(bits, ceilLog2(255 - colour));
      }
      before = colour;
    }
    if (fits) return extra;
  }
  return 3;
}

/** The inverse of decodePalette for the ascending colours in PALETTE. */
function encodePalette(stream: usize, size: i32, hasLeft: bool): void {
  const palette = stream + PALETTE,
    cached = hasLeft ? (load<u32>(stream, CACHE_SIZE) as i32) : 0;
  let count = 0,
    reused = 0;
  for (let i = 0; i < cached && count < size; i++) {
    const colour = load<u8>(stream + i, CACHE);
    let used = 0;
    for (let j = 0; j < size; j++)
      if (load<u8>(palette + j) == colour) {
        used = 1;
        reused |= 1 << j;
      }
    encodeLiteral(stream, 1, used);
    count += used;
  }
  if (count < size) {
    const extra = extraBits(palette, size, reused);
    let bits = 5 + extra,
      before = -1;
    for (let i = 0; i < size; i++) {
      if ((reused >> i) & 1) continue;
      const colour = load<u8>(palette + i) as i32;
      if (before < 0) {
        encodeLiteral(stream, 8, colour);
        if (count + 1 < size) encodeLiteral(stream, 2, extra);
      } else {
        encodeLiteral(stream, bits, colour - before - 1);
        bits = min(bits, ceilLog2(255 - colour));
      }
      before = colour;
      count++;
    }
  }
  adoptPalette(stream, size);
}

/** Reads a block's syntax up to the index map. Returns the palette's size, or a refusal below zero. */
export function decodeBlockSyntax(stream: usize, hasAbove: bool, hasLeft: bool, chroma: bool): i32 {
  const neighbours = ((i32(hasAbove) + i32(hasLeft)) as usize) << 5;
  if (decodeSyntax(stream, stream + PARTITION, PARTITION_SYMBOLS) != 0) return REFUSED_PARTITION;
  if (decodeSyntax(stream, stream + SKIP + neighbours, 2) != 1) return REFUSED_SKIP;
  if (decodeSyntax(stream, stream + Y_MODE, MODE_SYMBOLS) != 0) return REFUSED_Y_MODE;
  if (chroma && decodeSyntax(stream, stream + UV_MODE, MODE_SYMBOLS) != 0) return REFUSED_UV_MODE;
  if (decodeSyntax(stream, stream + HAS_PALETTE_Y + neighbours, 2) != 1) return REFUSED_NO_PALETTE;
  const size = decodeSyntax(stream, stream + PALETTE_SIZE_Y, PALETTE_SIZE_SYMBOLS) + 2;
  if (!decodePalette(stream, size, hasLeft)) return REFUSED_COLOURS;
  if (chroma && decodeSyntax(stream, stream + HAS_PALETTE_UV, 2) != 0) return REFUSED_UV_PALETTE;
  useAlphabet(stream, size);
  return size;
}

/** Writes a block's syntax up to the index map; its colours stand in PALETTE, ascending. */
export function encodeBlockSyntax(stream: usize, hasAbove: bool, hasLeft: bool, chroma: bool, size: i32): void {
  const neighbours = ((i32(hasAbove) + i32(hasLeft)) as usize) << 5;
  encodeSyntax(stream, stream + PARTITION, PARTITION_SYMBOLS, 0);
  encodeSyntax(stream, stream + SKIP + neighbours, 2, 1);
  encodeSyntax(stream, stream + Y_MODE, MODE_SYMBOLS, 0);
  if (chroma) encodeSyntax(stream, stream + UV_MODE, MODE_SYMBOLS, 0);
  encodeSyntax(stream, stream + HAS_PALETTE_Y + neighbours, 2, 1);
  encodeSyntax(stream, stream + PALETTE_SIZE_Y, PALETTE_SIZE_SYMBOLS, size - 2);
  encodePalette(stream, size, hasLeft);
  if (chroma) encodeSyntax(stream, stream + HAS_PALETTE_UV, 2, 0);
  useAlphabet(stream, size);
}
