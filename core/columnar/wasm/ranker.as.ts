/**
 * The ranker: a class is replaced by its place in an order that depends on the one or two classes before it. The
 * orders follow the counts seen so far and are sorted anew after 256, 512, 1024, 2048, 4096 values and then after
 * every 4096, by writer and reader alike, so nothing is stored. It turns the order-0 coder behind it into nearly one of
 * order 1 or 2.
 *
 * A class waits for the one before it to be known. So the values are cut into quarters with orders of their own, which
 * go in turn through one loop.
 */
import { RANKER_BYTES, RANKERS } from './layout.as';

/** In a ranker's area, for each of 64 contexts: order -> class (u8), class -> order (u8), counts (u32). */
const CLASS_AT: usize = 0;
const PLACE_OF: usize = 512;
const COUNTS: usize = 1024;
const CONTEXTS_OF_ORDER_2 = 64;
const CONTEXTS_OF_ORDER_1 = 8;

const QUARTERS: usize = 4;
const FIRST_SORT: usize = 256;
const SORT_EVERY: usize = 4096;

function reset(ranker: usize): void {
  memory.fill(ranker + COUNTS, 0, 2048);
  for (let i: usize = 0; i < 512; i++) {
    store<u8>(ranker + i, (i & 7) as u8, CLASS_AT);
    store<u8>(ranker + i, (i & 7) as u8, PLACE_OF);
  }
}

/** Sorts every context's order by falling count (stable) and halves the counts. */
function sort(ranker: usize, contexts: i32): void {
  for (let context: usize = 0; context < (contexts as usize); context++) {
    const classAt = ranker + CLASS_AT + (context << 3),
      placeOf = ranker + PLACE_OF + (context << 3),
      counts = ranker + COUNTS + (context << 5);
    for (let i: usize = 1; i < 8; i++) {
      const moved = load<u8>(classAt + i),
        count = load<u32>(counts + ((moved as usize) << 2));
      let j = i;
      for (; j > 0 && load<u32>(counts + ((load<u8>(classAt + j - 1) as usize) << 2)) < count; j--)
        store<u8>(classAt + j, load<u8>(classAt + j - 1));
      store<u8>(classAt + j, moved);
    }
    for (let i: usize = 0; i < 8; i++) {
      store<u8>(placeOf + (load<u8>(classAt + i) as usize), i as u8);
      store<u32>(counts + (i << 2), load<u32>(counts + (i << 2)) >> 1);
    }
  }
}

class Step {
  /** Ranks one class in a context (that of the classes before, oldest highest). Returns the key of both. */
  @inline
  static rank(ranker: usize, context: usize, source: usize, target: usize): usize {
    const key = (context << 3) | (load<u8>(source) as usize),
      count = ranker + (key << 2);
    store<u32>(count, load<u32>(count, COUNTS) + 1, COUNTS);
    store<u8>(target, load<u8>(ranker + key, PLACE_OF));
    return key;
  }

  @inline
  static unrank(ranker: usize, context: usize, source: usize, target: usize): usize {
    const symbol = load<u8>(ranker + ((context << 3) | (load<u8>(source) as usize)), CLASS_AT),
      key = (context << 3) | (symbol as usize),
      count = ranker + (key << 2);
    store<u32>(count, load<u32>(count, COUNTS) + 1, COUNTS);
    store<u8>(target, symbol);
    return key;
  }
}

const R0: usize = RANKERS;
const R1: usize = RANKERS + RANKER_BYTES;
const R2: usize = RANKERS + RANKER_BYTES * 2;
const R3: usize = RANKERS + RANKER_BYTES * 3;

/** Classes to ranks (`inverse` false) or ranks to classes; `count` is a multiple of 4, `order` 1 or 2. */
function run(source: usize, target: usize, count: i32, order: i32, inverse: bool): void {
  const contexts = order == 2 ? CONTEXTS_OF_ORDER_2 : CONTEXTS_OF_ORDER_1,
    mask = (contexts - 1) as usize,
    quarter = (count as usize) / QUARTERS,
    s1 = source + quarter,
    s2 = s1 + quarter,
    s3 = s2 + quarter,
    t1 = target + quarter,
    t2 = t1 + quarter,
    t3 = t2 + quarter;
  for (let i: usize = 0; i < QUARTERS; i++) reset(RANKERS + i * RANKER_BYTES);
  let c0: usize = 0,
    c1: usize = 0,
    c2: usize = 0,
    c3: usize = 0,
    next = FIRST_SORT;
  for (let i: usize = 0; i < quarter;) {
    const end = min(next, quarter);
    if (inverse)
      for (; i < end; i++) {
        c0 = Step.unrank(R0, c0, source + i, target + i) & mask;
        c1 = Step.unrank(R1, c1, s1 + i, t1 + i) & mask;
        c2 = Step.unrank(R2, c2, s2 + i, t2 + i) & mask;
        c3 = Step.unrank(R3, c3, s3 + i, t3 + i) & mask;
      }
    else
      for (; i < end; i++) {
        c0 = Step.rank(R0, c0, source + i, target + i) & mask;
        c1 = Step.rank(R1, c1, s1 + i, t1 + i) & mask;
        c2 = Step.rank(R2, c2, s2 + i, t2 + i) & mask;
        c3 = Step.rank(R3, c3, s3 + i, t3 + i) & mask;
      }
    for (let j: usize = 0; j < QUARTERS; j++) sort(RANKERS + j * RANKER_BYTES, contexts);
    next = i < SORT_EVERY ? i << 1 : i + SORT_EVERY;
  }
}

export function rankClasses(source: usize, target: usize, count: i32, order: i32): void {
  run(source, target, count, order, false);
}

export function unrankClasses(source: usize, target: usize, count: i32, order: i32): void {
  run(source, target, count, order, true);
}
