/**
 * The symbol decoder of AV1 ("Symbol decoding process", "Boolean decoding process"), with the probabilities kept
 * inverted (32768 - cdf), so that a symbol's part of the range ends where the next one's begins.
 *
 * The window holds the inverted bits of the tile from the top; below the last valid bit stands a single one, below
 * that zeros. So one word says both the bits and how many there are. At least 16 are valid before a symbol, and a
 * symbol takes 15 at most.
 */
import {
  COLOUR_CDFS,
  COLOUR_COUNTERS,
  CONTEXTS,
  CURSOR,
  LIMIT,
  RANGE,
  RANKS,
  START,
  STREAMS,
  THRESHOLDS,
  WINDOW,
} from './layout.as';
import { adaptSyntax, reverseBytes } from './probabilities.as';

/** Bits of the tile from `at` on, inverted; zero bits follow its end ("exit process for symbol decoder"). */
function readTail(at: usize, end: usize): u64 {
  let bits: u64 = 0;
  for (let i: usize = 0; i < 8; i++) bits = (bits << 8) | (at + i < end ? (load<u8>(at + i) as u64) : 0);
  return ~bits;
}

/** Fills a window of fewer than 16 valid bits up with whole bytes. No byte past the tile's end is read. */
export function refill(stream: usize, window: u64): u64 {
  const marker = ctz<u64>(window),
    valid = 63 - marker,
    byteCount = (63 - valid) >> 3,
    at = load<u32>(stream, CURSOR) as usize,
    end = load<u32>(stream, LIMIT) as usize,
    next = at + 8 <= end ? ~reverseBytes(load<u64>(at)) : readTail(at, end),
    bits = byteCount << 3;
  store<u32>(stream, (at + (byteCount as usize)) as u32, CURSOR);
  const free = 64 - valid - bits;
  return (window ^ ((1 as u64) << marker)) | ((next >> (64 - bits)) << free) | ((1 as u64) << (free - 1));
}

export function startDecoder(stream: usize, at: usize, end: usize): void {
  store<u32>(stream, at as u32, START);
  store<u32>(stream, at as u32, CURSOR);
  store<u32>(stream, end as u32, LIMIT);
  store<u16>(stream, 0x8000, RANGE);
  // The first bit of the window is not one of the tile.
  store<u64>(stream, refill(stream, (1 as u64) << 62), WINDOW);
}

/** How many bits of the tile the decoder has shifted out; 15 more than belong to the symbols so far. */
export function bitsConsumed(stream: usize): i32 {
  const valid = 63 - (ctz<u64>(load<u64>(stream, WINDOW)) as i32);
  return (((load<u32>(stream, CURSOR) - load<u32>(stream, START)) << 3) as i32) - valid + 1;
}

function narrow(stream: usize, window: u64, range: u32): void {
  const shift = clz<u32>(range) - 16;
  window <<= shift as u64;
  if (window << 16 == 0) window = refill(stream, window);
  store<u64>(stream, window, WINDOW);
  store<u16>(stream, (range << shift) as u16, RANGE);
}

/** One adaptive symbol of `size` values with the probabilities at `cdf` (block syntax; not the hot path). */
export function decodeSyntax(stream: usize, cdf: usize, size: i32): i32 {
  const window = load<u64>(stream, WINDOW),
    range = load<u16>(stream, RANGE) as u32,
    value = (window >> 48) as u32,
    scale = range >> 8;
  let symbol = -1,
    upper: u32 = 0,
    lower: u32 = range;
  do {
    symbol++;
    upper = lower;
    lower =
      symbol == size - 1
        ? 0
        : ((scale * ((load<u16>(cdf + ((symbol as usize) << 1)) as u32) >> 6)) >> 1) + 4 * (size - 1 - symbol);
  } while (value < lower);
  narrow(stream, window - ((lower as u64) << 48), upper - lower);
  adaptSyntax(cdf, size, symbol);
  return symbol;
}

/** A number of `bits` equiprobable bits, most significant first. */
export function decodeLiteral(stream: usize, bits: i32): i32 {
  let number = 0;
  for (let i = 0; i < bits; i++) {
    const window = load<u64>(stream, WINDOW),
      range = load<u16>(stream, RANGE) as u32,
      half = ((range >> 8) << 7) + 4;
    if (((window >> 48) as u32) < half) {
      number = (number << 1) | 1;
      narrow(stream, window, half);
    } else {
      number <<= 1;
      narrow(stream, window - ((half as u64) << 48), range - half);
    }
  }
  return number;
}

export class ColourDecoder {
  /**
   * One palette index: the symbol in row `row` of the present diagonal. Returns the new window.
   *
   * The stream is the one that `Stream` names, or one `apart` bytes after it. `rate` is the shift of the adaptation where
   * all counters are full, or 0: then it is `rateBase` plus what the counter adds. All eight thresholds are computed at
   * once; the number of those above the value is the symbol.
   */
  @inline
  static decode<Stream>(apart: usize, row: usize, window: u64, grants: v128, rate: i32, rateBase: i32): u64 {
    const context = apart + (load<u8>(apart + row, STREAMS * sizeof<Stream>() + CONTEXTS) as usize),
      cdf = v128.load(context, STREAMS * sizeof<Stream>() + COLOUR_CDFS),
      range = v128.load16_splat(apart, STREAMS * sizeof<Stream>() + RANGE);
    let shift = rate;
    if (rate == 0) {
      const count = load<u8>(context, STREAMS * sizeof<Stream>() + COLOUR_COUNTERS) as i32;
      store<u8>(context, (count + 1 - (count >> 5)) as u8, STREAMS * sizeof<Stream>() + COLOUR_COUNTERS);
      shift = rateBase + (count >> 4);
    }
    // ((range >> 8) * (cdf >> 6)) >> 1 has 17 bits before its shift: split it into what fits 16-bit lanes.
    const thresholds = i16x8.add(
      i16x8.add(
        i16x8.mul(i16x8.shr_u(cdf, 6), i16x8.shr_u(range, 9)),
        v128.and(i16x8.shr_u(cdf, 7), i16x8.shr_s(i16x8.shl(range, 7), 15)),
      ),
      grants,
    );
    const reached = i16x8.ge_u(i16x8.splat((window >> 48) as i16), thresholds),
      symbol2 = ctz<u32>(i8x16.bitmask(reached)) as usize;
    v128.store(apart, thresholds, STREAMS * sizeof<Stream>() + THRESHOLDS);
    const lower = load<u16>(apart + symbol2, STREAMS * sizeof<Stream>() + THRESHOLDS) as u32,
      upper = load<u16>(apart + symbol2, STREAMS * sizeof<Stream>() + THRESHOLDS - 2) as u32,
      width = upper - lower,
      lead = clz<u32>(width) - 16;
    store<u8>(apart + row, (symbol2 >> 1) as u8, STREAMS * sizeof<Stream>() + RANKS);
    store<u16>(apart, (width << lead) as u16, STREAMS * sizeof<Stream>() + RANGE);
    // cdf += ((32768 - cdf) >> rate) below the symbol, cdf -= (cdf >> rate) from it on ("Symbol decoding process").
    v128.store(
      context,
      i16x8.add(cdf, i16x8.sub(i16x8.shr_s(i16x8.sub(v128.or(reached, i16x8.splat(-32768)), cdf), shift), reached)),
      STREAMS * sizeof<Stream>() + COLOUR_CDFS,
    );
    window = (window - ((lower as u64) << 48)) << (lead as u64);
    if (window << 16 == 0) window = refill(apart + STREAMS * sizeof<Stream>(), window);
    return window;
  }
}
