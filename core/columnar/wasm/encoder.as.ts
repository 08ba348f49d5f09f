/**
 * The inverse of decoder.as.ts: AV1 defines the decoder, the encoder follows from it.
 *
 * The window holds the low end of the interval: from the bottom 16 bits under the range, then bits that are final but
 * for a carry, one bit for that carry, and above it a single one that marks the top. So one word says both the bits and
 * how many there are.
 */
import {
  COLOUR_CDFS,
  COLOUR_COUNTERS,
  CONTEXTS,
  CURSOR,
  LANES_FROM,
  RANGE,
  RANKS,
  START,
  STREAMS,
  WINDOW,
} from './layout.as';
import { adaptSyntax, reverseBytes } from './probabilities.as';

/** The marker of a fresh window: 15 bits of low end, the carry bit, the marker. */
const FRESH: u64 = 1 << 16;
/** From here on the window is written out before the next symbol: that one may shift it by 15. */
const FULL_BITS: u64 = 49;

function carry(at: usize): void {
  let before = at - 1;
  while (load<u8>(before) == 255) store<u8>(before--, 0);
  store<u8>(before, load<u8>(before) + 1);
}

/** Writes the whole bytes of the window; up to 8 bytes are touched. Returns what is left. */
export function flush(stream: usize, window: u64): u64 {
  const marker = 63 - clz<u64>(window),
    pending = marker - 25, // bits above the range's and the carry's, less 8
    byteCount = (pending >> 3) + 1,
    kept = 16 + (pending & 7),
    at = load<u32>(stream, CURSOR) as usize,
    bits = (window ^ ((1 as u64) << marker)) >> kept;
  if ((bits >> (byteCount << 3)) & 1) carry(at);
  store<u64>(at, reverseBytes(bits << (64 - (byteCount << 3))));
  store<u32>(stream, (at + (byteCount as usize)) as u32, CURSOR);
  return (window & (((1 as u64) << kept) - 1)) | ((2 as u64) << kept);
}

export function startEncoder(stream: usize, at: usize): void {
  store<u32>(stream, at as u32, START);
  store<u32>(stream, at as u32, CURSOR);
  store<u16>(stream, 0x8000, RANGE);
  store<u64>(stream, FRESH, WINDOW);
}

/** Ends the tile: enough bits to tell the interval, a one, and zeros up to the byte. */
export function finishEncoder(stream: usize): void {
  const window = load<u64>(stream, WINDOW),
    marker = 63 - clz<u64>(window),
    low = window ^ ((1 as u64) << marker);
  let at = load<u32>(stream, CURSOR) as usize,
    bits = ((low + 0x3fff) & ~0x3fff) | 0x4000,
    pending = (marker as i32) - 25,
    left = pending + 10;
  while (left > 0) {
    const position = (pending + 16) as u64,
      byte = (bits >> position) as u32;
    if (byte & 256) carry(at);
    store<u8>(at++, byte as u8);
    bits &= ((1 as u64) << position) - 1;
    left -= 8;
    pending -= 8;
  }
  store<u32>(stream, at as u32, CURSOR);
}

function narrow(stream: usize, window: u64, range: u32): void {
  const shift = clz<u32>(range) - 16;
  window <<= shift as u64;
  if (window >> FULL_BITS) window = flush(stream, window);
  store<u64>(stream, window, WINDOW);
  store<u16>(stream, (range << shift) as u16, RANGE);
}

/** One adaptive symbol of `size` values with the probabilities at `cdf` (block syntax; not the hot path). */
export function encodeSyntax(stream: usize, cdf: usize, size: i32, symbol: i32): void {
  const window = load<u64>(stream, WINDOW),
    range = load<u16>(stream, RANGE) as u32,
    scale = range >> 8,
    at = cdf + ((symbol as usize) << 1);
  let lower: u32 = 0,
    upper = range;
  if (symbol < size - 1) lower = ((scale * ((load<u16>(at) as u32) >> 6)) >> 1) + 4 * (size - 1 - symbol);
  if (symbol > 0) upper = ((scale * ((load<u16>(at - 2) as u32) >> 6)) >> 1) + 4 * (size - symbol);
  narrow(stream, window + ((range - upper) as u64), upper - lower);
  adaptSyntax(cdf, size, symbol);
}

/** A number of `bits` equiprobable bits, most significant first. */
export function encodeLiteral(stream: usize, bits: i32, number: i32): void {
  for (let i = bits - 1; i >= 0; i--) {
    const window = load<u64>(stream, WINDOW),
      range = load<u16>(stream, RANGE) as u32,
      half = ((range >> 8) << 7) + 4;
    if ((number >> i) & 1) narrow(stream, window + ((range - half) as u64), half);
    else narrow(stream, window, range - half);
  }
}

export class ColourEncoder {
  /** One palette index: the rank in row `row` of the present diagonal. Parameters as for the decoder. */
  @inline
  static encode<Stream>(apart: usize, row: usize, window: u64, last: u32, rate: i32, rateBase: i32): u64 {
    const context = apart + (load<u8>(apart + row, STREAMS * sizeof<Stream>() + CONTEXTS) as usize),
      symbol = load<u8>(apart + row, STREAMS * sizeof<Stream>() + RANKS) as usize,
      at = context + (symbol << 1),
      cdf = v128.load(context, STREAMS * sizeof<Stream>() + COLOUR_CDFS),
      range = load<u16>(apart, STREAMS * sizeof<Stream>() + RANGE) as u32,
      scale = range >> 8,
      grant = (last - (symbol as u32)) << 2;
    let shift = rate;
    if (rate == 0) {
      const count = load<u8>(context, STREAMS * sizeof<Stream>() + COLOUR_COUNTERS) as i32;
      store<u8>(context, (count + 1 - (count >> 5)) as u8, STREAMS * sizeof<Stream>() + COLOUR_COUNTERS);
      shift = rateBase + (count >> 4);
    }
    // Lanes past the alphabet are zero, so the last symbol's lower end comes out as 0 without a branch.
    const own = load<u16>(at, STREAMS * sizeof<Stream>() + COLOUR_CDFS) as u32,
      before = load<u16>(at, STREAMS * sizeof<Stream>() + COLOUR_CDFS - 2) as u32,
      lower = ((scale * (own >> 6)) >> 1) + grant,
      upper = select<u32>(((scale * (before >> 6)) >> 1) + grant + 4, range, symbol != 0),
      width = upper - lower,
      lead = clz<u32>(width) - 16,
      from = v128.load(LANES_FROM + (symbol << 4));
    store<u16>(apart, (width << lead) as u16, STREAMS * sizeof<Stream>() + RANGE);
    v128.store(
      context,
      i16x8.add(cdf, i16x8.sub(i16x8.shr_s(i16x8.sub(v128.or(from, i16x8.splat(-32768)), cdf), shift), from)),
      STREAMS * sizeof<Stream>() + COLOUR_CDFS,
    );
    window = (window + ((range - upper) as u64)) << (lead as u64);
    if (window >> FULL_BITS) window = flush(apart + STREAMS * sizeof<Stream>(), window);
    return window;
  }
}
