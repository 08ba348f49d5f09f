/** Bins of residuals, numbered by falling frequency: classes. A residual is its class and an offset in the bin. */
import { BIN_CLASSES, BIN_ENDS, CLASSES } from './layout.as';

const CLASS_MASK: usize = 8;
const CLASS_BITS: usize = 16;

/** No more readings than this are ahead of a check that the offsets have not run past their end. */
const UNCHECKED = 512;
const OFFSET_BYTES_MAX = 8;

class Bins {
  /** Minus the number of bin ends below each of four residuals. */
  @inline
  static above(r: v128, e0: v128, e1: v128, e2: v128, e3: v128, e4: v128, e5: v128, e6: v128): v128 {
    return i32x4.add(
      i32x4.add(i32x4.add(i32x4.gt_s(r, e0), i32x4.gt_s(r, e1)), i32x4.add(i32x4.gt_s(r, e2), i32x4.gt_s(r, e3))),
      i32x4.add(i32x4.add(i32x4.gt_s(r, e4), i32x4.gt_s(r, e5)), i32x4.gt_s(r, e6)),
    );
  }
}

/** The classes of 32-bit residuals; `count` is a multiple of 16. */
export function classify32(residuals: usize, classes: usize, count: i32): void {
  const e0 = v128.load32_splat(BIN_ENDS),
    e1 = v128.load32_splat(BIN_ENDS, 8),
    e2 = v128.load32_splat(BIN_ENDS, 16),
    e3 = v128.load32_splat(BIN_ENDS, 24),
    e4 = v128.load32_splat(BIN_ENDS, 32),
    e5 = v128.load32_splat(BIN_ENDS, 40),
    e6 = v128.load32_splat(BIN_ENDS, 48),
    classOfBin = v128.load(BIN_CLASSES),
    end = classes + (count as usize);
  for (; classes < end; classes += 16, residuals += 64) {
    const a = Bins.above(v128.load(residuals), e0, e1, e2, e3, e4, e5, e6),
      b = Bins.above(v128.load(residuals, 16), e0, e1, e2, e3, e4, e5, e6),
      c = Bins.above(v128.load(residuals, 32), e0, e1, e2, e3, e4, e5, e6),
      d = Bins.above(v128.load(residuals, 48), e0, e1, e2, e3, e4, e5, e6),
      bin = i8x16.neg(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
    v128.store(classes, i8x16.swizzle(classOfBin, bin));
  }
}

/** The classes of 64-bit residuals. */
export function classify64(residuals: usize, classes: usize, count: i32): void {
  const end = classes + (count as usize);
  for (; classes < end; classes++, residuals += 8) {
    const residual = load<i64>(residuals);
    let bin: usize = 0;
    for (let i: usize = 0; i < 7; i++) bin += usize(residual > load<i64>(BIN_ENDS + (i << 3)));
    store<u8>(classes, load<u8>(BIN_CLASSES + bin));
  }
}

/** Packs the offsets of 32-bit residuals, least significant bit first. Returns the bytes; 8 more may be touched. */
export function packOffsets32(residuals: usize, classes: usize, count: i32, target: usize): i32 {
  const start = target,
    end = classes + (count as usize);
  let bits: u64 = 0,
    bitCount: u32 = 0;
  for (; classes < end; classes++, residuals += 4) {
    const entry = CLASSES + ((load<u8>(classes) as usize) << 5);
    bits |= ((load<i32>(residuals) - load<i32>(entry)) as u32 as u64) << (bitCount as u64);
    bitCount += load<u32>(entry, CLASS_BITS);
    store<u64>(target, bits);
    target += (bitCount >> 3) as usize;
    bits >>= (bitCount & 0x78) as u64;
    bitCount &= 7;
  }
  return ((target - start) as i32) + i32(bitCount > 0);
}

/** The same for 64-bit residuals; an offset has 57 bits at most. */
export function packOffsets64(residuals: usize, classes: usize, count: i32, target: usize): i32 {
  const start = target,
    end = classes + (count as usize);
  let bits: u64 = 0,
    bitCount: u32 = 0;
  for (; classes < end; classes++, residuals += 8) {
    const entry = CLASSES + ((load<u8>(classes) as usize) << 5);
    bits |= ((load<i64>(residuals) - load<i64>(entry)) as u64) << (bitCount as u64);
    bitCount += load<u32>(entry, CLASS_BITS);
    store<u64>(target, bits);
    const byteCount = bitCount >> 3;
    target += byteCount as usize;
    bits = byteCount == 8 ? 0 : bits >> ((byteCount << 3) as u64);
    bitCount &= 7;
  }
  return ((target - start) as i32) + i32(bitCount > 0);
}

class Offset {
  /** The residual of the class entry `entry` whose offset begins at bit `at` of `offsets`. */
  @inline
  static residual(entry: usize, offsets: usize, at: u64): i64 {
    const word = load<u64>(offsets + ((at >> 3) as usize)) >> (at & 7);
    return load<i64>(entry) + ((word & load<u64>(entry, CLASS_MASK)) as i64);
  }
}

/** The bits that the offsets of `count` classes take. */
function offsetBits(classes: usize, count: i32): u64 {
  let bits: u64 = 0;
  for (const end = classes + (count as usize); classes < end; classes++)
    bits += load<u32>(CLASSES + ((load<u8>(classes) as usize) << 5), CLASS_BITS) as u64;
  return bits;
}

/**
 * Values from classes and offsets: the inverse of predict, classify and pack together. 8 readable bytes must follow
 * `end`. `base` and `slope` are the value before the first and its distance from the one before it; with a predictor of a period, `lag` is its bytes, and as many and 8
 * more before `target` are the values before the first. Returns 0, or 1 when the offsets run past `end`; then the values are not complete.
 */
export function restoreValues(
  classes: usize,
  count: i32,
  offsets: usize,
  end: usize,
  target: usize,
  predictor: i32,
  base: i64,
  slope: i64,
  lag: usize,
): i32 {
  const available = ((end - offsets) as u64) << 3;
  let at: u64 = 0,
    value = base,
    delta = slope;
  for (let done = 0; done < count; done += UNCHECKED) {
    const part = min(UNCHECKED, count - done);
    if (at + UNCHECKED * OFFSET_BYTES_MAX * 8 > available && at + offsetBits(classes, part) > available) return 1;
    const partEnd = classes + (part as usize);
    if (predictor == 0)
      for (; classes < partEnd; classes++, target += 8) {
        const entry = CLASSES + ((load<u8>(classes) as usize) << 5);
        store<i64>(target, base + Offset.residual(entry, offsets, at));
        at += load<u32>(entry, CLASS_BITS) as u64;
      }
    else if (predictor == 1)
      for (; classes < partEnd; classes++, target += 8) {
        const entry = CLASSES + ((load<u8>(classes) as usize) << 5);
        value += Offset.residual(entry, offsets, at);
        at += load<u32>(entry, CLASS_BITS) as u64;
        store<i64>(target, value);
      }
    else if (predictor == 3)
      for (; classes < partEnd; classes++, target += 8) {
        const entry = CLASSES + ((load<u8>(classes) as usize) << 5);
        store<i64>(target, load<i64>(target - lag) + Offset.residual(entry, offsets, at));
        at += load<u32>(entry, CLASS_BITS) as u64;
      }
    else if (predictor == 4)
      for (; classes < partEnd; classes++, target += 8) {
        const entry = CLASSES + ((load<u8>(classes) as usize) << 5);
        value += load<i64>(target - lag) - load<i64>(target - lag - 8) + Offset.residual(entry, offsets, at);
        at += load<u32>(entry, CLASS_BITS) as u64;
        store<i64>(target, value);
      }
    else
      for (; classes < partEnd; classes++, target += 8) {
        const entry = CLASSES + ((load<u8>(classes) as usize) << 5);
        delta += Offset.residual(entry, offsets, at);
        value += delta;
        at += load<u32>(entry, CLASS_BITS) as u64;
        store<i64>(target, value);
      }
  }
  return 0;
}
