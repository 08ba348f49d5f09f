/** Section 5.1 of docs/formats/webm-columnar-v1.md in its words: the model, as a coder in either direction. */

const times = (a: number, b: number): number => Math.imul(a, b) >>> 0;

const SQUASHED: number[] = [];
for (let k = 0, odds = 2n ** 30n; k <= 2815; k++, odds = (odds * 4278222848n) >> 32n)
  SQUASHED.push(Number(2n ** 46n / (2n ** 30n + odds)));
const squash = (k: number): number => (k >= 0 ? SQUASHED[k]! : 65535 - SQUASHED[-k]!);

const STRETCHED: number[] = [];
for (let c = 0, k = -2047; c < 4096; c++) {
  while (k < 2047 && squash(k) >> 4 < c) k++;
  STRETCHED.push(k);
}

const fewer = (count: number): number => (count > 2 ? (count + 2) >> 1 : count);

/**
 * Goes through `count` bytes. `codeBit` is told the probability of a one, of 65,536, and how many bits of how many bytes
 * are known, and returns the bit.
 *
 * @param records as the format has them: a width, or 256 and the byte that ends a record
 */
function follow(count: number, records: number, codeBit: (p: number, at: number, b: number) => number): Uint8Array {
  const width = records < 256 ? records : 0;
  const bytes = new Uint8Array(count);
  const s = Math.max(10, Math.min(21, 37 - Math.clz32(count)));
  const states = Array.from({ length: 8 }, () => new Map<number, number>());
  const chances = Array.from({ length: 8 }, () => new Map<number, number>());
  const weights = new Map<string, number[]>();
  let prefix = 0;
  let start = 0;
  let before = bytes.subarray(0, 0);
  for (let at = 0; at < count; at++) {
    const c = (k: number) => bytes[at - k] ?? 0;
    const place = at - start;
    const where = 256 * Math.min(place, 255) + (before[place] ?? 0);
    const order2 = 256 * c(2) + c(1);
    const order3 = 65536 * c(3) + order2;
    let older = 0;
    for (let k = 4; k <= Math.min(at, width > 0 ? 8 : 5); k++) older = times(older + c(k) + 1, 0x27d4eb2f);
    const last = ((where << 16) | (256 * c(1)) | (before[place + 1] ?? 0)) >>> 0;
    const contexts = [0, c(1), order2, order3, prefix, where, last, (older ^ order3) >>> 0];
    const hashes = contexts.map((context) => times(context, 0x9e3779b1));
    let begun = 1;
    let buckets: number[] = [];
    for (let b = 0; b < 8; b++) {
      if (b % 4 === 0) buckets = hashes.map((hash) => times(hash + times(begun, 0x85ebca6b), 0xc2b2ae35) >>> (36 - s));
      const slots = buckets.map((bucket) => 16 * bucket + (b < 4 ? begun : 2 ** (b - 4) + (begun % 2 ** (b - 4))));
      const seen = slots.map((slot, i) => states[i]!.get(slot) ?? 0);
      const chance = seen.map((state, i) => {
        const [zeros, ones] = [state >> 4, state & 15];
        return chances[i]!.get(state) ?? Math.floor(((16 * ones + 1) * 65536) / (16 * (zeros + ones) + 2));
      });
      const votes = chance.map((p, i) => (seen[i] === 0 ? 0 : STRETCHED[p >> 4]!));
      const names = [`begun ${begun}`, `known ${seen.filter((state) => state > 0).length}`];
      const sets = names.map((name) => weights.get(name) ?? Array.from({ length: 8 }, () => 9000));
      names.forEach((name, i) => weights.set(name, sets[i]!));
      const sum = votes.reduce((all, vote, i) => all + ((vote * (sets[0]![i]! + sets[1]![i]!)) >> 8), 0);
      const p = Math.max(1, Math.min(65535, squash(Math.max(-2815, Math.min(2815, sum >> 8)))));
      const bit = codeBit(p, at, b);
      const error = (65536 * bit - p) * 5;
      for (const set of sets)
        votes.forEach((vote, i) => {
          set[i] = Math.max(-262143, Math.min(262143, set[i]! + ((vote * error + 131072) >> 18)));
        });
      seen.forEach((state, i) => {
        const [zeros, ones] = [state >> 4, state & 15];
        const old = chance[i]!;
        chances[i]!.set(state, bit ? old + ((65535 - old) >> 6) : old - (old >> 6));
        const [z, o] = bit ? [fewer(zeros), Math.min(ones + 1, 15)] : [Math.min(zeros + 1, 15), fewer(ones)];
        states[i]!.set(slots[i]!, 16 * z + o);
      });
      begun = 2 * begun + bit;
    }
    bytes[at] = begun;
    prefix = times(prefix + bytes[at]! + 1, 0x3d4d51cb);
    if (width > 0 ? place === width - 1 : bytes[at] === records - 256) {
      before = bytes.subarray(start, at + 1);
      start = at + 1;
      prefix = 0;
    }
  }
  return bytes;
}

/** Every whole record of a width back to front. */
function turned(bytes: Uint8Array, records: number): Uint8Array {
  if (records < 2 || records > 255) return bytes;
  const whole = bytes.length - (bytes.length % records);
  return bytes.map((byte, at) => (at < whole ? bytes[at - (at % records) + records - 1 - (at % records)]! : byte));
}

/** The interval of the arithmetic coder: `middle` parts it, `narrow` takes a half and tells of each byte that leaves. */
function interval(leaves: (byte: number) => void) {
  let low = 0;
  let high = 2 ** 32 - 1;
  return {
    low: () => low,
    middle: (p: number) =>
      low + Math.floor((high - low) / 65536) * p + Math.floor((((high - low) % 65536) * p) / 65536),
    narrow(bit: number, middle: number): void {
      if (bit) high = middle;
      else low = middle + 1;
      while (low >>> 24 === high >>> 24) {
        leaves(high >>> 24);
        low = (low << 8) >>> 0;
        high = ((high << 8) | 255) >>> 0;
      }
    },
  };
}

export function decodeSpecified(coded: Uint8Array, count: number, records: number): Uint8Array {
  let next = 0;
  let window = 0;
  const shift = () => (window = ((window << 8) | (coded[next++] ?? 0)) >>> 0);
  for (let i = 0; i < 4; i++) shift();
  const { middle, narrow } = interval(shift);
  const bytes = follow(count, records, (p) => {
    const parting = middle(p);
    const bit = window <= parting ? 1 : 0;
    narrow(bit, parting);
    return bit;
  });
  return turned(bytes, records);
}

export function encodeSpecified(bytes: Uint8Array, records: number): Uint8Array {
  const output: number[] = [];
  const { low, middle, narrow } = interval((byte) => output.push(byte));
  const input = turned(bytes, records);
  follow(bytes.length, records, (p, at, b) => {
    const bit = (input[at]! >> (7 - b)) & 1;
    narrow(bit, middle(p));
    return bit;
  });
  // The page leaves the end to the writer: one byte tells apart what is left, as zeros follow.
  if (low() > 0) output.push((low() >>> 24) + 1);
  return Uint8Array.from(output);
}
