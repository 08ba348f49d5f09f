/** Encodes the index maps of up to four blocks in turn: the inverse of decode-map.as.ts, for the same reasons. */
import { ColourEncoder, encodeLiteral } from './encoder.as';
import {
  ALPHABET,
  DIAGONAL_BYTES,
  DIAGONALS,
  StreamA,
  streamAt,
  StreamB,
  StreamC,
  StreamD,
  STREAMS,
  SYMBOLS,
  WINDOW,
} from './layout.as';
import { findContexts, takeDiagonal } from './palette-context.as';

const A: usize = STREAMS * sizeof<StreamA>();
const B: usize = STREAMS * sizeof<StreamB>();
const C: usize = STREAMS * sizeof<StreamC>();
const D: usize = STREAMS * sizeof<StreamD>();

/** Rows of the present diagonal, by the number of streams. */
class Rows {
  @inline
  static one(stream: usize, first: usize, end: usize, last: i32, rate: i32, rateBase: i32): void {
    let window = load<u64>(stream, WINDOW);
    for (let row = first; row < end; row++)
      window = ColourEncoder.encode<StreamA>(stream - A, row, window, last, rate, rateBase);
    store<u64>(stream, window, WINDOW);
  }

  @inline
  static two(first: usize, end: usize, last: i32, rate: i32, rateBase: i32): void {
    let a = load<u64>(A, WINDOW),
      b = load<u64>(B, WINDOW);
    for (let row = first; row < end; row++) {
      a = ColourEncoder.encode<StreamA>(0, row, a, last, rate, rateBase);
      b = ColourEncoder.encode<StreamB>(0, row, b, last, rate, rateBase);
    }
    store<u64>(A, a, WINDOW);
    store<u64>(B, b, WINDOW);
  }

  @inline
  static four(first: usize, end: usize, last: i32, rate: i32, rateBase: i32): void {
    let a = load<u64>(A, WINDOW),
      b = load<u64>(B, WINDOW),
      c = load<u64>(C, WINDOW),
      d = load<u64>(D, WINDOW);
    for (let row = first; row < end; row++) {
      a = ColourEncoder.encode<StreamA>(0, row, a, last, rate, rateBase);
      b = ColourEncoder.encode<StreamB>(0, row, b, last, rate, rateBase);
      c = ColourEncoder.encode<StreamC>(0, row, c, last, rate, rateBase);
      d = ColourEncoder.encode<StreamD>(0, row, d, last, rate, rateBase);
    }
    store<u64>(A, a, WINDOW);
    store<u64>(B, b, WINDOW);
    store<u64>(C, c, WINDOW);
    store<u64>(D, d, WINDOW);
  }
}

function rowsOfOne(stream: usize, first: usize, end: usize, alphabet: i32, running: bool): void {
  const last = alphabet - 1;
  if (running) Rows.one(stream, first, end, last, 0, alphabet > 3 ? 5 : 4);
  else if (alphabet > 3) Rows.one(stream, first, end, last, 7, 0);
  else Rows.one(stream, first, end, last, 6, 0);
}

function rowsOfTwo(first: usize, end: usize, alphabet: i32, running: bool): void {
  const last = alphabet - 1;
  if (running) Rows.two(first, end, last, 0, alphabet > 3 ? 5 : 4);
  else if (alphabet > 3) Rows.two(first, end, last, 7, 0);
  else Rows.two(first, end, last, 6, 0);
}

function rowsOfFour(first: usize, end: usize, alphabet: i32, running: bool): void {
  const last = alphabet - 1;
  if (running) Rows.four(first, end, last, 0, alphabet > 3 ? 5 : 4);
  else if (alphabet > 3) Rows.four(first, end, last, 7, 0);
  else Rows.four(first, end, last, 6, 0);
}

/** The first index of a block as a non-symmetric number ("NS(n)"). */
function encodeFirst(stream: usize, alphabet: i32): void {
  const index = load<u8>(load<u32>(stream, SYMBOLS) as usize) as i32,
    width = 32 - (clz<u32>(alphabet as u32) as i32),
    short = (1 << width) - alphabet;
  store<u8>(stream, index as u8, DIAGONALS);
  if (index < short) encodeLiteral(stream, width - 1, index);
  else encodeLiteral(stream, width, index + short);
}

/** The inverse of `decodeMaps`; symbols are ranks or colour indices below the streams' alphabet. */
export function encodeMaps(from: i32, count: i32, width: i32, height: i32, map: i32): void {
  const end = from + count,
    alphabet = load<u32>(streamAt(from), ALPHABET) as i32,
    diagonals = width + height - 1;
  for (let i = from; i < end; i++) encodeFirst(streamAt(i), alphabet);
  let d0 = DIAGONAL_BYTES,
    d1: usize = 0,
    d2: usize = DIAGONAL_BYTES * 2,
    done: usize = 1;
  for (let diagonal = 1; diagonal < diagonals; diagonal++) {
    const top = max(0, diagonal - width + 1),
      bottom = min(diagonal, height - 1);
    let running: bool = false;
    for (let i = from; i < end; i++) {
      if (findContexts(streamAt(i), d1, d2, diagonal, top, bottom)) running = true;
      takeDiagonal(streamAt(i), d0, d1, d2, top, bottom, done, map);
    }
    if (count == 4) rowsOfFour(top, bottom + 1, alphabet, running);
    else if (count == 2) rowsOfTwo(top, bottom + 1, alphabet, running);
    else rowsOfOne(streamAt(from), top, bottom + 1, alphabet, running);
    done += (bottom + 1 - top) as usize;
    const oldest = d2;
    d2 = d1;
    d1 = d0;
    d0 = oldest;
  }
  for (let i = from; i < end; i++) store<u32>(streamAt(i), load<u32>(streamAt(i), SYMBOLS) + (done as u32), SYMBOLS);
}
