/**
 * Bytes coded bit by bit with probabilities that eight contexts vote on: context mixing after Matt Mahoney's lpaq, cut
 * down to what columns of short records need. Each context (the bytes before, the beginning of the record, the record
 * above) leads to a state, the counts of zeros and ones seen there; a table that adapts says how probable a one is after
 * such counts; a mixer that learns weighs the votes in the logistic domain; a binary arithmetic coder takes the result.
 * Writer and reader must agree in every bit: docs/formats/webm-columnar-v1.md, section 5.1, says the same in words.
 */

const CONTEXTS: usize = 8;

// In the workspace, from its address on.
/** 4096 i32: ln(p / (1 - p)) * 256 of a probability p of 12 bits. */
const STRETCH: usize = 0;
/** LOGIT_MAX + 1 i32: the probability of 16 bits for a logit of 0 and above. */
const SQUASH: usize = STRETCH + 4096 * 4;
const LOGIT_MAX = 2815;
/** The state after a zero, and after a one: 256 u8 each. */
const NEXT: usize = SQUASH + (LOGIT_MAX + 1) * 4;
/** Eight i32 each: the contexts' hashes, their votes, the addresses of their states and of their probabilities. */
const HASHES: usize = NEXT + 512;
const VOTES: usize = HASHES + 32;
const BUCKETS: usize = VOTES + 32;
const STATES_AT: usize = BUCKETS + 32;
const CHANCES_AT: usize = STATES_AT + 32;
/** For each context 256 u16: how probable a one is in a state. */
const CHANCES: usize = CHANCES_AT + 32;
/** Eight i32 for each beginning of a byte, and for each number of contexts that have seen something. */
const WEIGHTS: usize = CHANCES + CONTEXTS * 512;
const WEIGHTS_BY_KNOWN: usize = WEIGHTS + 256 * 32;
/** For each context 2^bits u8, a zero in the upper half and ones in the lower half of each. */
const STATES: usize = WEIGHTS_BY_KNOWN + 9 * 32;

/** ln of the votes' chances counts 256 to a unit; a weight of 1 is 65536. */
const STRETCH_MAX = 2047;
const WEIGHT_START = 9000;
const WEIGHT_MAX = (1 << 18) - 1;
const LEARNING_RATE = 5;

/** exp(-1 / 256) of 2^32. */
const DECAY: u64 = 4278222848;

/** About four slots for each bit: fewer would make contexts share them. */
function stateBits(count: i32): i32 {
  return max(10, min(21, 37 - clz(count)));
}

/** Bytes that the functions below need at `work`. */
export function byteModelBytes(count: i32): usize {
  return STATES + (CONTEXTS << (stateBits(count) as usize));
}

function begin(work: usize, count: i32): void {
  let odds: u64 = 1 << 30;
  for (let logit = 0; logit <= LOGIT_MAX; logit++) {
    store<i32>(work + SQUASH + ((logit as usize) << 2), (((1 as u64) << 46) / (((1 as u64) << 30) + odds)) as i32);
    odds = (odds * DECAY) >> 32;
  }
  let logit = -STRETCH_MAX;
  for (let chance = 0; chance < 4096; chance++) {
    while (logit < STRETCH_MAX && Mixer.squash(work, logit) >> 4 < chance) logit++;
    store<i32>(work + STRETCH + ((chance as usize) << 2), logit);
  }
  for (let state = 0; state < 256; state++) {
    const zeros = state >> 4,
      ones = state & 15;
    store<u8>(work + NEXT + state, ((min(zeros + 1, 15) << 4) | fewer(ones)) as u8);
    store<u8>(work + NEXT + 256 + state, ((fewer(zeros) << 4) | min(ones + 1, 15)) as u8);
    const chance = ((16 * ones + 1) << 16) / (16 * (zeros + ones) + 2);
    for (let context: usize = 0; context < CONTEXTS; context++)
      store<u16>(work + CHANCES + (context << 9) + ((state as usize) << 1), chance as u16);
  }
  for (let at = work + WEIGHTS; at < work + STATES; at += 16) v128.store(at, i32x4.splat(WEIGHT_START));
  memory.fill(work + STATES, 0, CONTEXTS << (stateBits(count) as usize));
}

/** What is left of the count of the other bit. */
function fewer(seen: i32): i32 {
  return seen > 2 ? (seen + 2) >> 1 : seen;
}

class Mixer {
  @inline
  static squash(work: usize, logit: i32): i32 {
    const above = load<i32>(work + ((abs(logit) as usize) << 2), SQUASH);
    return logit < 0 ? 65535 - above : above;
  }

  /** The sum of the four lanes. */
  @inline
  static sum(lanes: v128): i32 {
    const pairs = i32x4.add(lanes, i8x16.shuffle(lanes, lanes, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    return i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
  }

  /** Brings weights a little nearer to what would have given the right bit. */
  @inline
  static learn(at: usize, votes: v128, error: v128): void {
    const step = i32x4.shr_s(i32x4.add(i32x4.mul(votes, error), i32x4.splat(1 << 17)), 18),
      weights = i32x4.add(v128.load(at), step);
    v128.store(at, i32x4.max_s(i32x4.min_s(weights, i32x4.splat(WEIGHT_MAX)), i32x4.splat(-WEIGHT_MAX)));
  }
}

/** The hashes of the contexts of the byte at `at`. */
function hashContexts(
  work: usize,
  at: usize,
  bytes: usize,
  width: i32,
  prefix: u32,
  place: i32,
  above: u32,
  next: u32,
): void {
  const longest: usize = width > 0 ? 8 : 5,
    before = at - bytes,
    c1: u32 = before > 0 ? load<u8>(at - 1) : 0,
    c2: u32 = before > 1 ? load<u8>(at - 2) : 0,
    c3: u32 = before > 2 ? load<u8>(at - 3) : 0;
  let older: u32 = 0;
  for (let k: usize = 4; k <= min(before, longest); k++) older = (older + load<u8>(at - k) + 1) * 0x27d4eb2f;
  const order2 = (c2 << 8) | c1,
    order3 = (c3 << 16) | order2,
    where = (min(place, 255) << 8) | above;
  store<u32>(work, 0, HASHES);
  store<u32>(work, c1 * 0x9e3779b1, HASHES + 4);
  store<u32>(work, order2 * 0x9e3779b1, HASHES + 8);
  store<u32>(work, order3 * 0x9e3779b1, HASHES + 12);
  store<u32>(work, prefix * 0x9e3779b1, HASHES + 16);
  store<u32>(work, where * 0x9e3779b1, HASHES + 20);
  store<u32>(work, ((where << 16) | (c1 << 8) | next) * 0x9e3779b1, HASHES + 24);
  store<u32>(work, (older ^ order3) * 0x9e3779b1, HASHES + 28);
}

/** The states for half a byte lie side by side, 16 to a bucket: those of each context, once a half byte has `begun`. */
function findBuckets(work: usize, begun: u32, shift: i32): void {
  const spread = begun * 0x85ebca6b;
  for (let context: usize = 0; context < CONTEXTS; context++) {
    const bucket = ((load<u32>(work + (context << 2), HASHES) + spread) * 0xc2b2ae35) >> (shift + 4);
    store<u32>(
      work + (context << 2),
      (work as u32) + (STATES as u32) + ((context as u32) << (32 - shift)) + (bucket << 4),
      BUCKETS,
    );
  }
}

/**
 * Codes `count` bytes at `bytes` (which are written when `decoding`) to or from `coded`. A record is `width` bytes long,
 * or with width 0 ends after a byte `terminator`. Returns the end of what was coded.
 */
function run(
  work: usize,
  bytes: usize,
  count: i32,
  width: i32,
  terminator: i32,
  coded: usize,
  end: usize,
  decoding: bool,
): usize {
  begin(work, count);
  const shift = 32 - stateBits(count);
  let low: u32 = 0,
    high: u32 = 0xffffffff,
    window: u32 = 0,
    prefix: u32 = 0,
    place = 0,
    record = bytes,
    recordBefore = bytes;
  if (decoding)
    for (let i = 0; i < 4; i++) {
      window = (window << 8) | (coded < end ? load<u8>(coded) : 0);
      coded++;
    }
  for (let i = 0; i < count; i++) {
    const at = bytes + i,
      aboveAt = recordBefore + place,
      above: u32 = aboveAt < record ? load<u8>(aboveAt) : 0,
      next: u32 = aboveAt + 1 < record ? load<u8>(aboveAt + 1) : 0;
    hashContexts(work, at, bytes, width, prefix, place, above, next);
    const byte: u32 = decoding ? 0 : load<u8>(at);
    let begun: u32 = 1;
    for (let b = 7; b >= 0; b--) {
      if ((b & 3) == 3) findBuckets(work, begun, shift);
      const inBucket: usize = b > 3 ? begun : (1 << (3 - b)) | (begun & ((1 << (3 - b)) - 1));
      let known: usize = 0;
      for (let context: usize = 0; context < CONTEXTS; context++) {
        const stateAt = (load<u32>(work + (context << 2), BUCKETS) as usize) + inBucket,
          state = load<u8>(stateAt) as usize,
          chanceAt = work + CHANCES + (context << 9) + (state << 1);
        store<u32>(work + (context << 2), stateAt as u32, STATES_AT);
        store<u32>(work + (context << 2), chanceAt as u32, CHANCES_AT);
        let vote = 0;
        if (state) {
          known++;
          vote = load<i32>(work + (((load<u16>(chanceAt) as usize) >> 4) << 2), STRETCH);
        }
        store<i32>(work + (context << 2), vote, VOTES);
      }
      const weights = work + WEIGHTS + ((begun as usize) << 5),
        others = work + WEIGHTS_BY_KNOWN + (known << 5),
        first = v128.load(work, VOTES),
        second = v128.load(work, VOTES + 16),
        products = i32x4.add(
          i32x4.shr_s(i32x4.mul(first, i32x4.add(v128.load(weights), v128.load(others))), 8),
          i32x4.shr_s(i32x4.mul(second, i32x4.add(v128.load(weights, 16), v128.load(others, 16))), 8),
        ),
        logit = max(-LOGIT_MAX, min(LOGIT_MAX, Mixer.sum(products) >> 8)),
        chance = max(1, min(65535, Mixer.squash(work, logit))) as u32,
        range = high - low,
        middle = low + (range >> 16) * chance + (((range & 0xffff) * chance) >> 16);
      const bit: u32 = decoding ? (window <= middle ? 1 : 0) : (byte >> b) & 1;
      if (bit) high = middle;
      else low = middle + 1;
      while (((low ^ high) & 0xff000000) == 0) {
        if (decoding) {
          window = (window << 8) | (coded < end ? load<u8>(coded) : 0);
        } else store<u8>(coded, (high >> 24) as u8);
        coded++;
        low <<= 8;
        high = (high << 8) | 255;
      }
      const error = i32x4.splat((((bit << 16) as i32) - (chance as i32)) * LEARNING_RATE);
      Mixer.learn(weights, first, error);
      Mixer.learn(weights + 16, second, error);
      Mixer.learn(others, first, error);
      Mixer.learn(others + 16, second, error);
      for (let context: usize = 0; context < CONTEXTS; context++) {
        const stateAt = load<u32>(work + (context << 2), STATES_AT) as usize,
          chanceAt = load<u32>(work + (context << 2), CHANCES_AT) as usize,
          old = load<u16>(chanceAt) as i32;
        store<u16>(chanceAt, (bit ? old + ((65535 - old) >> 6) : old - (old >> 6)) as u16);
        store<u8>(stateAt, load<u8>(work + NEXT + ((bit as usize) << 8) + load<u8>(stateAt)));
      }
      begun = (begun << 1) | bit;
    }
    const value = begun & 255;
    if (decoding) store<u8>(at, value as u8);
    place++;
    prefix = (prefix + value + 1) * 0x3d4d51cb;
    if (width > 0 ? place == width : value == (terminator as u32)) {
      recordBefore = record;
      record = at + 1;
      place = 0;
      prefix = 0;
    }
  }
  if (decoding) return coded;
  // One byte tells apart what is left: the reader takes zeros for what is missing.
  if (low > 0) store<u8>(coded++, ((low >> 24) + 1) as u8);
  return coded;
}

/** `target` must have room for twice the bytes, and 16 more. Returns how many bytes were written. */
export function encodeBytes(work: usize, bytes: usize, count: i32, width: i32, terminator: i32, target: usize): usize {
  return run(work, bytes, count, width, terminator, target, 0, false) - target;
}

/** Writes `count` bytes to `bytes`, whatever the source holds. */
export function decodeBytes(
  work: usize,
  bytes: usize,
  count: i32,
  width: i32,
  terminator: i32,
  source: usize,
  end: usize,
): void {
  run(work, bytes, count, width, terminator, source, end, true);
}
