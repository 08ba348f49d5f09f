/** Residuals of 64-bit integers, in wrap-around arithmetic: every input comes back, whatever the difference. */
import { EXTREMES } from './layout.as';

/**
 * Predictors: a value is predicted by the base, by its predecessor, by the line of its two predecessors, by the value one
 * period before, or by its predecessor and what that one had over the value one period before it (Lorenzo).
 */
const PREDICT_BASE = 0;
const PREDICT_DELTA = 1;
const PREDICT_LINE = 2;
const PREDICT_PERIOD = 3;

class Difference {
  /** Two residuals; two values, or `lag` bytes and one value, lie in front of the first. */
  @inline
  static pair(at: usize, predictor: i32, base: v128, lag: usize): v128 {
    const values = v128.load(at);
    if (predictor == PREDICT_BASE) return i64x2.sub(values, base);
    if (predictor == PREDICT_PERIOD) return i64x2.sub(values, v128.load(at - lag));
    const delta = i64x2.sub(values, v128.load(at - 8));
    if (predictor == PREDICT_DELTA) return delta;
    if (predictor == PREDICT_LINE) return i64x2.sub(delta, i64x2.sub(v128.load(at - 8), v128.load(at - 16)));
    return i64x2.sub(delta, i64x2.sub(v128.load(at - lag), v128.load(at - lag - 8)));
  }
}

/**
 * Residuals narrowed to 32 bits; what the predictor needs lies in front of the first value, `lag` counts bytes, `count` is
 * a multiple of 4. Leaves four smallest
 * and four largest lanes in EXTREMES. Returns 0 when a residual needs more than 32 bits.
 */
export function predict32(source: usize, target: usize, count: i32, predictor: i32, base: i64, lag: usize): i32 {
  const bases = i64x2.splat(base),
    end = source + ((count as usize) << 3);
  let wide = i32x4.splat(0),
    smallest = i32x4.splat(i32.MAX_VALUE),
    largest = i32x4.splat(i32.MIN_VALUE);
  for (; source < end; source += 32, target += 16) {
    const first = Difference.pair(source, predictor, bases, lag),
      second = Difference.pair(source + 16, predictor, bases, lag),
      low = i8x16.shuffle(first, second, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
      high = i8x16.shuffle(first, second, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    wide = v128.or(wide, v128.xor(high, i32x4.shr_s(low, 31)));
    smallest = i32x4.min_s(smallest, low);
    largest = i32x4.max_s(largest, low);
    v128.store(target, low);
  }
  v128.store(EXTREMES, smallest);
  v128.store(EXTREMES + 16, largest);
  return v128.any_true(wide) ? 0 : 1;
}

/** Residuals of 64 bits, otherwise the same. Leaves the smallest and the largest in EXTREMES. */
export function predict64(source: usize, target: usize, count: i32, predictor: i32, base: i64, lag: usize): void {
  const end = source + ((count as usize) << 3);
  let smallest = i64.MAX_VALUE,
    largest = i64.MIN_VALUE;
  for (; source < end; source += 8, target += 8) {
    const value = load<i64>(source),
      before = load<i64>(source - 8);
    let residual = value - base;
    if (predictor == PREDICT_DELTA) residual = value - before;
    else if (predictor == PREDICT_LINE) residual = value - before - (before - load<i64>(source - 16));
    else if (predictor == PREDICT_PERIOD) residual = value - load<i64>(source - lag);
    else if (predictor != PREDICT_BASE)
      residual = value - before - (load<i64>(source - lag) - load<i64>(source - lag - 8));
    smallest = min(smallest, residual);
    largest = max(largest, residual);
    store<i64>(target, residual);
  }
  store<i64>(EXTREMES, smallest);
  store<i64>(EXTREMES + 16, largest);
}
