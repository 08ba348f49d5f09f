/** The module's entry: what the host calls. `core/columnar/av1/codec-instance.ts` describes these functions. */
import { CDF_IMAGE, EXTREMES, GRANTS, LANES_FROM } from './layout.as';

export {
  beginDecoding,
  beginEncoding,
  decodeTiles,
  encodedBytes,
  encodeTiles,
  paletteAt,
  paletteChanged,
  paletteSize,
} from './tiles.as';
export { predict32, predict64 } from './residuals.as';
export { classify32, classify64, packOffsets32, packOffsets64, restoreValues } from './classes.as';
export { rankClasses, unrankClasses } from './ranker.as';
export { byteModelBytes, decodeBytes, encodeBytes } from './byte-model.as';

/** The heap starts here. */
const HEAP: u32 = 65536;

/** Writes the shared tables; once, before anything else. */
export function initialise(): void {
  reserve(HEAP);
  for (let alphabet: usize = 2; alphabet <= 8; alphabet++)
    for (let i: usize = 0; i < 8; i++)
      store<u16>(GRANTS + (alphabet << 4) + (i << 1), i < alphabet - 1 ? ((4 * (alphabet - 1 - i)) as u16) : 0);
  for (let symbol: usize = 0; symbol < 8; symbol++)
    for (let i: usize = 0; i < 8; i++) store<u16>(LANES_FROM + (symbol << 4) + (i << 1), i >= symbol ? 0xffff : 0);
}

/** Where the host writes the default probabilities: rows of 16 u16, 32768 - cdf. */
export function defaultCdfsAt(): usize {
  return CDF_IMAGE;
}

/** Grows the memory to at least `bytes`. Returns false when that fails. */
export function reserve(bytes: u32): bool {
  const have = (memory.size() as u64) << 16;
  if ((bytes as u64) <= have) return true;
  return memory.grow((((bytes as u64) - have + 65535) >> 16) as i32) >= 0;
}

/** The largest of `count` bytes, 16 at a time; bytes after the last one must be 0 up to a multiple of 16. */
export function largestByte(at: usize, count: i32): i32 {
  let largest = i8x16.splat(0);
  for (const end = at + (count as usize); at < end; at += 16) largest = i8x16.max_u(largest, v128.load(at));
  v128.store(EXTREMES, largest);
  let result = 0;
  for (let i: usize = 0; i < 16; i++) result = max(result, load<u8>(EXTREMES + i) as i32);
  return result;
}
