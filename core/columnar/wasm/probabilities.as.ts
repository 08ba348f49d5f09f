/** Adaptive probabilities of the block syntax, and byte order. */

/** The counter of a row of SYNTAX_CDFS. */
const COUNTER: usize = 30;

/** Adapts a row of SYNTAX_CDFS after `symbol` of `size` was coded ("Symbol decoding process"). */
export function adaptSyntax(cdf: usize, size: i32, symbol: i32): void {
  const count = load<u16>(cdf, COUNTER) as i32,
    rate = 3 + i32(count > 15) + i32(count > 31) + (size > 3 ? 2 : 1);
  for (let i = 0; i < size - 1; i++) {
    const at = cdf + ((i as usize) << 1),
      inverted = load<u16>(at) as u32;
    store<u16>(at, (i < symbol ? inverted + ((32768 - inverted) >> rate) : inverted - (inverted >> rate)) as u16);
  }
  if (count < 32) store<u16>(cdf, (count + 1) as u16, COUNTER);
}

/** The bytes of a word in reverse order; one vector instruction where `bswap` would be a dozen scalar ones. */
export function reverseBytes(word: u64): u64 {
  const lanes = i64x2.splat(word as i64);
  return i64x2.extract_lane(i8x16.shuffle(lanes, lanes, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0) as u64;
}
