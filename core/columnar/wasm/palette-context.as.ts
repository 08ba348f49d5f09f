/**
 * Contexts and orders of a palette index ("Palette color context process"), a whole anti-diagonal at a time.
 *
 * All neighbours of a pixel lie on the two diagonals before its own. Diagonals are held as bytes indexed by row, so
 * left = d1[y], above = d1[y - 1], above-left = d2[y - 1], and sixteen pixels are handled at once, before (contexts) and
 * after (colours) the arithmetic coder's serial work.
 *
 * At the block's edges only one neighbour is there. The missing ones are set equal to it: that gives the same order of
 * colours, and only the context has to be forced to 0.
 */
import { COLD, COLOUR_COUNTERS, CONTEXTS, DIAGONALS, PALETTE, RANKS, SYMBOLS, THRESHOLDS, WARM } from './layout.as';

/** What the arithmetic coder's symbols stand for on the outside. */
/** Coded ranks themselves. */
export const MAP_RANKS: i32 = 0;
/** Colour indices. */
export const MAP_INDICES: i32 = 1;
/** Pixel values, through the block's palette. */
export const MAP_VALUES: i32 = 2;

/** Finds which counters still run. Returns a mask by context. */
function coldContexts(stream: usize): v128 {
  if (load<u32>(stream, WARM)) return i8x16.splat(0);
  let warm = true;
  for (let context: usize = 0; context < 5; context++) {
    const cold = load<u8>(stream + (context << 5), COLOUR_COUNTERS) < 32;
    store<u8>(stream + context, cold ? 255 : 0, COLD);
    if (cold) warm = false;
  }
  if (warm) store<u32>(stream, 1, WARM);
  return v128.load(stream, COLD);
}

/**
 * Contexts of the rows `first` to `last` (inclusive) of diagonal `diagonal`; `d1` and `d2` are the offsets of the two
 * diagonals before it. Returns true when one of them still has a running counter.
 */
export function findContexts(stream: usize, d1: usize, d2: usize, diagonal: i32, first: i32, last: i32): bool {
  const p1 = stream + DIAGONALS + d1,
    p2 = stream + DIAGONALS + d2,
    cold = coldContexts(stream);
  let running = i8x16.splat(0);
  if (first == 0) {
    const above = load<u8>(p1);
    store<u8>(p1 - 1, above);
    store<u8>(p2 - 1, above);
  }
  if (last == diagonal) {
    const bottom = p1 + (diagonal as usize) - 1,
      left = load<u8>(bottom);
    store<u8>(bottom + 1, left);
    store<u8>(p2 + (diagonal as usize) - 1, left);
  }
  for (let y = first as usize; y <= (last as usize); y += 16) {
    const left = v128.load(p1 + y),
      above = v128.load(p1 + y - 1),
      corner = v128.load(p2 + y - 1),
      cornerSame = v128.or(i8x16.eq(left, corner), i8x16.eq(corner, above)),
      // 1 + (corner equals one of them) + 2 * (left equals above), times 32
      context = i8x16.add(
        i8x16.splat(32),
        i8x16.add(v128.and(cornerSame, i8x16.splat(32)), v128.and(i8x16.eq(left, above), i8x16.splat(64))),
      );
    running = v128.or(running, i8x16.swizzle(cold, i8x16.shr_u(context, 5)));
    v128.store(stream + y, context, CONTEXTS);
  }
  const coldEdge = i8x16.splat(i8x16.extract_lane_s(cold, 0));
  if (first == 0) {
    store<u8>(stream, 0, CONTEXTS);
    running = v128.or(running, coldEdge);
  }
  if (last == diagonal) {
    store<u8>(stream + (diagonal as usize), 0, CONTEXTS);
    running = v128.or(running, coldEdge);
  }
  return v128.any_true(running);
}

/**
 * The order of colours for sixteen pixels: the neighbours' colours by falling score (left 2, above-left 1, above 2;
 * ties by smaller colour), then the others in index order. `low <= middle <= high` are the three neighbours sorted.
 */
class ColourOrder {
  @inline
  static front0(left: v128, above: v128, corner: v128): v128 {
    return v128.bitselect(
      left,
      v128.bitselect(above, i8x16.min_u(left, above), i8x16.eq(corner, above)),
      i8x16.eq(left, corner),
    );
  }

  @inline
  static front1(left: v128, above: v128, corner: v128): v128 {
    return v128.bitselect(
      corner,
      v128.bitselect(
        above,
        v128.bitselect(left, i8x16.max_u(left, above), i8x16.eq(corner, above)),
        i8x16.eq(left, corner),
      ),
      i8x16.eq(left, above),
    );
  }

  /** Colours of the given ranks. */
  @inline
  static colours(left: v128, above: v128, corner: v128, rank: v128): v128 {
    const smaller = i8x16.min_u(left, above),
      larger = i8x16.max_u(left, above),
      low = i8x16.min_u(smaller, corner),
      high = i8x16.max_u(larger, corner),
      middle = i8x16.max_u(smaller, i8x16.min_u(larger, corner)),
      lowPair = i8x16.eq(low, middle),
      highPair = i8x16.eq(middle, high),
      anyPair = v128.or(lowPair, highPair),
      allSame = v128.and(lowPair, highPair);
    // The rank among the other colours, then past each neighbour's colour at or below it.
    let colour = i8x16.sub(i8x16.sub(i8x16.sub(rank, i8x16.splat(3)), lowPair), highPair);
    colour = i8x16.sub(colour, i8x16.ge_s(colour, low));
    colour = i8x16.sub(colour, v128.andnot(i8x16.ge_s(colour, middle), lowPair));
    colour = i8x16.sub(colour, v128.andnot(i8x16.ge_s(colour, high), highPair));
    colour = v128.bitselect(corner, colour, v128.andnot(i8x16.eq(rank, i8x16.splat(2)), anyPair));
    colour = v128.bitselect(
      ColourOrder.front1(left, above, corner),
      colour,
      v128.andnot(i8x16.eq(rank, i8x16.splat(1)), allSame),
    );
    return v128.bitselect(ColourOrder.front0(left, above, corner), colour, i8x16.eq(rank, i8x16.splat(0)));
  }

  /** Ranks of the given colours. */
  @inline
  static ranks(left: v128, above: v128, corner: v128, colour: v128): v128 {
    const smaller = i8x16.min_u(left, above),
      larger = i8x16.max_u(left, above),
      low = i8x16.min_u(smaller, corner),
      high = i8x16.max_u(larger, corner),
      middle = i8x16.max_u(smaller, i8x16.min_u(larger, corner)),
      lowPair = i8x16.eq(low, middle),
      highPair = i8x16.eq(middle, high),
      anyPair = v128.or(lowPair, highPair),
      allSame = v128.and(lowPair, highPair),
      front1 = ColourOrder.front1(left, above, corner);
    // Every distinct neighbour's colour above it pushes a colour back by one place.
    let rank = i8x16.sub(colour, i8x16.gt_s(low, colour));
    rank = i8x16.sub(rank, v128.andnot(i8x16.gt_s(middle, colour), lowPair));
    rank = i8x16.sub(rank, v128.andnot(i8x16.gt_s(high, colour), highPair));
    rank = v128.bitselect(i8x16.splat(2), rank, v128.andnot(i8x16.eq(colour, corner), anyPair));
    rank = v128.bitselect(i8x16.splat(1), rank, v128.andnot(i8x16.eq(colour, front1), allSame));
    return v128.andnot(rank, i8x16.eq(colour, ColourOrder.front0(left, above, corner)));
  }
}

/**
 * After a diagonal is decoded: its colours from its ranks, and the symbols to the outside. Sixteen bytes are stored at
 * a time where `wide` allows that (up to 15 more than belong to the diagonal are touched).
 */
export function putDiagonal(
  stream: usize,
  d0: usize,
  d1: usize,
  d2: usize,
  first: i32,
  last: i32,
  done: usize,
  map: i32,
  wide: bool,
): void {
  const p0 = stream + DIAGONALS + d0,
    p1 = stream + DIAGONALS + d1,
    p2 = stream + DIAGONALS + d2,
    out = (load<u32>(stream, SYMBOLS) as usize) + done - (first as usize),
    palette = v128.load(stream, PALETTE);
  for (let y = first as usize; y <= (last as usize); y += 16) {
    const rank = v128.load(stream + y, RANKS),
      colour = ColourOrder.colours(v128.load(p1 + y), v128.load(p1 + y - 1), v128.load(p2 + y - 1), rank),
      symbol = map == MAP_RANKS ? rank : map == MAP_INDICES ? colour : i8x16.swizzle(palette, colour);
    v128.store(p0 + y, colour);
    if (wide) v128.store(out + y, symbol);
    else {
      v128.store(stream, symbol, THRESHOLDS);
      for (let j: usize = 0; j < 16 && y + j <= (last as usize); j++)
        store<u8>(out + y + j, load<u8>(stream + j, THRESHOLDS));
    }
  }
}

/** Before a diagonal is encoded: takes its symbols in and finds its ranks and colours. 16 bytes are read at a time. */
export function takeDiagonal(
  stream: usize,
  d0: usize,
  d1: usize,
  d2: usize,
  first: i32,
  last: i32,
  done: usize,
  map: i32,
): void {
  const p0 = stream + DIAGONALS + d0,
    p1 = stream + DIAGONALS + d1,
    p2 = stream + DIAGONALS + d2,
    source = (load<u32>(stream, SYMBOLS) as usize) + done - (first as usize);
  for (let y = first as usize; y <= (last as usize); y += 16) {
    const left = v128.load(p1 + y),
      above = v128.load(p1 + y - 1),
      corner = v128.load(p2 + y - 1),
      symbol = v128.load(source + y);
    if (map == MAP_RANKS) {
      v128.store(stream + y, symbol, RANKS);
      v128.store(p0 + y, ColourOrder.colours(left, above, corner, symbol));
    } else {
      v128.store(p0 + y, symbol);
      v128.store(stream + y, ColourOrder.ranks(left, above, corner, symbol), RANKS);
    }
  }
}
