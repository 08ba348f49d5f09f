/**
 * Decodes the index maps ("Palette tokens syntax") of up to four blocks, one from each of as many tiles.
 *
 * One tile alone is bound by the latency of its arithmetic decoder: every symbol waits for the one before. So the
 * blocks' symbols are decoded in turn in one loop, and the processor overlaps their waiting.
 */
import { ColourDecoder, decodeLiteral } from './decoder.as';
import {
  ALPHABET,
  DIAGONAL_BYTES,
  DIAGONALS,
  GRANTS,
  PALETTE,
  StreamA,
  streamAt,
  StreamB,
  StreamC,
  StreamD,
  STREAMS,
  SYMBOLS,
  WINDOW,
} from './layout.as';
import { findContexts, MAP_VALUES, putDiagonal } from './palette-context.as';

const A: usize = STREAMS * sizeof<StreamA>();
const B: usize = STREAMS * sizeof<StreamB>();
const C: usize = STREAMS * sizeof<StreamC>();
const D: usize = STREAMS * sizeof<StreamD>();

/** Rows of the present diagonal, by the number of streams. */
class Rows {
  @inline
  static one(stream: usize, first: usize, end: usize, grants: v128, rate: i32, rateBase: i32): void {
    let window = load<u64>(stream, WINDOW);
    for (let row = first; row < end; row++)
      window = ColourDecoder.decode<StreamA>(stream - A, row, window, grants, rate, rateBase);
    store<u64>(stream, window, WINDOW);
  }

  @inline
  static two(first: usize, end: usize, grants: v128, rate: i32, rateBase: i32): void {
    let a = load<u64>(A, WINDOW),
      b = load<u64>(B, WINDOW);
    for (let row = first; row < end; row++) {
      a = ColourDecoder.decode<StreamA>(0, row, a, grants, rate, rateBase);
      b = ColourDecoder.decode<StreamB>(0, row, b, grants, rate, rateBase);
    }
    store<u64>(A, a, WINDOW);
    store<u64>(B, b, WINDOW);
  }

  @inline
  static four(first: usize, end: usize, grants: v128, rate: i32, rateBase: i32): void {
    let a = load<u64>(A, WINDOW),
      b = load<u64>(B, WINDOW),
      c = load<u64>(C, WINDOW),
      d = load<u64>(D, WINDOW);
    for (let row = first; row < end; row++) {
      a = ColourDecoder.decode<StreamA>(0, row, a, grants, rate, rateBase);
      b = ColourDecoder.decode<StreamB>(0, row, b, grants, rate, rateBase);
      c = ColourDecoder.decode<StreamC>(0, row, c, grants, rate, rateBase);
      d = ColourDecoder.decode<StreamD>(0, row, d, grants, rate, rateBase);
    }
    store<u64>(A, a, WINDOW);
    store<u64>(B, b, WINDOW);
    store<u64>(C, c, WINDOW);
    store<u64>(D, d, WINDOW);
  }
}

// A full counter gives a constant shift: 7 for alphabets over 3, else 6. Known at compile time it saves a tenth.
function rowsOfOne(stream: usize, first: usize, end: usize, alphabet: i32, running: bool): void {
  const grants = v128.load(GRANTS + ((alphabet as usize) << 4));
  if (running) Rows.one(stream, first, end, grants, 0, alphabet > 3 ? 5 : 4);
  else if (alphabet > 3) Rows.one(stream, first, end, grants, 7, 0);
  else Rows.one(stream, first, end, grants, 6, 0);
}

function rowsOfTwo(first: usize, end: usize, alphabet: i32, running: bool): void {
  const grants = v128.load(GRANTS + ((alphabet as usize) << 4));
  if (running) Rows.two(first, end, grants, 0, alphabet > 3 ? 5 : 4);
  else if (alphabet > 3) Rows.two(first, end, grants, 7, 0);
  else Rows.two(first, end, grants, 6, 0);
}

function rowsOfFour(first: usize, end: usize, alphabet: i32, running: bool): void {
  const grants = v128.load(GRANTS + ((alphabet as usize) << 4));
  if (running) Rows.four(first, end, grants, 0, alphabet > 3 ? 5 : 4);
  else if (alphabet > 3) Rows.four(first, end, grants, 7, 0);
  else Rows.four(first, end, grants, 6, 0);
}

/** The first index of a block is coded alone, as a non-symmetric number ("NS(n)"). */
function decodeFirst(stream: usize, alphabet: i32, map: i32): void {
  const width = 32 - (clz<u32>(alphabet as u32) as i32),
    short = (1 << width) - alphabet;
  let index = decodeLiteral(stream, width - 1);
  if (index >= short) index = (index << 1) - short + decodeLiteral(stream, 1);
  store<u8>(stream, index as u8, DIAGONALS);
  store<u8>(
    load<u32>(stream, SYMBOLS) as usize,
    map == MAP_VALUES ? load<u8>(stream + (index as usize), PALETTE) : (index as u8),
  );
}

/**
 * The maps of one block of `width` x `height` pixels from each of the streams `from` to `from + count - 1`; `count` is
 * 1, or 2 or 4 with `from` = 0 and one alphabet. Symbols are put in coding order: anti-diagonals, each from its top row.
 */
export function decodeMaps(from: i32, count: i32, width: i32, height: i32, map: i32): void {
  const end = from + count,
    alphabet = load<u32>(streamAt(from), ALPHABET) as i32,
    diagonals = width + height - 1;
  for (let i = from; i < end; i++) decodeFirst(streamAt(i), alphabet, map);
  let d0 = DIAGONAL_BYTES,
    d1: usize = 0,
    d2: usize = DIAGONAL_BYTES * 2,
    done: usize = 1;
  for (let diagonal = 1; diagonal < diagonals; diagonal++) {
    const top = max(0, diagonal - width + 1),
      bottom = min(diagonal, height - 1);
    let running: bool = false;
    for (let i = from; i < end; i++) if (findContexts(streamAt(i), d1, d2, diagonal, top, bottom)) running = true;
    if (count == 4) rowsOfFour(top, bottom + 1, alphabet, running);
    else if (count == 2) rowsOfTwo(top, bottom + 1, alphabet, running);
    else rowsOfOne(streamAt(from), top, bottom + 1, alphabet, running);
    // Wide stores of the last diagonals would run into what the next tile has put already.
    const wide = diagonal + 16 < diagonals;
    for (let i = from; i < end; i++) putDiagonal(streamAt(i), d0, d1, d2, top, bottom, done, map, wide);
    done += (bottom + 1 - top) as usize;
    const oldest = d2;
    d2 = d1;
    d1 = d0;
    d0 = oldest;
  }
  for (let i = from; i < end; i++) store<u32>(streamAt(i), load<u32>(streamAt(i), SYMBOLS) + (done as u32), SYMBOLS);
}
