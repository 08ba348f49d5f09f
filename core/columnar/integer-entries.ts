import { rangeOf, wordsOf } from './int64.ts';

/** Integers as numbers of distinct ones. */
export interface IntegerEntries {
  readonly entries: BigInt64Array;
  readonly numbers: Int32Array;
}

/**
 * Numbers the distinct integers in ascending order, or (`byFrequency`) the most frequent first; undefined when there are
 * more than `entriesMax`, which is below 2^16.
 */
export function findEntries(values: BigInt64Array, entriesMax: number): IntegerEntries | undefined {
  const { min, max } = rangeOf(values);
  return max - min < NARROW_SPAN
    ? findNarrow(values, entriesMax, min, Number(max - min))
    : findWide(values, entriesMax);
}

/** Integers that lie so near to each other are looked up by their distance from the least. */
const NARROW_SPAN = 2n ** 16n;

function findNarrow(values: BigInt64Array, entriesMax: number, min: bigint, span: number): IntegerEntries | undefined {
  const words = wordsOf(values);
  const low = Number(BigInt.asIntN(32, min));
  const numberOf = new Int32Array(span + 1);
  for (let i = 0; i < words.length; i += 2) numberOf[(words[i]! - low) | 0] = 1;
  const entries: bigint[] = [];
  for (let distance = 0; distance < numberOf.length; distance++) {
    if (numberOf[distance] === 0) continue;
    if (entries.length === entriesMax) return undefined;
    numberOf[distance] = entries.length;
    entries.push(min + BigInt(distance));
  }
  const numbers = new Int32Array(values.length);
  for (let i = 0; i < numbers.length; i++) numbers[i] = numberOf[(words[2 * i]! - low) | 0]!;
  return { entries: BigInt64Array.from(entries), numbers };
}

function findWide(values: BigInt64Array, entriesMax: number): IntegerEntries | undefined {
  const words = wordsOf(values);
  const size = 2 ** Math.ceil(Math.log2(entriesMax * 4));
  const table = new Int32Array(size).fill(-1);
  // The words of the entries, by the number of each.
  const entryWords = new Int32Array(entriesMax * 2);
  let entryCount = 0;
  const found = new Int32Array(values.length);
  for (let i = 0; i < found.length; i++) {
    const low = words[2 * i]!;
    const high = words[2 * i + 1]!;
    let slot = (Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> 7) & (size - 1);
    let entry = table[slot]!;
    while (entry >= 0 && (entryWords[2 * entry] !== low || entryWords[2 * entry + 1] !== high)) {
      slot = (slot + 1) & (size - 1);
      entry = table[slot]!;
    }
    if (entry < 0) {
      if (entryCount === entriesMax) return undefined;
      entry = entryCount++;
      table[slot] = entry;
      entryWords[2 * entry] = low;
      entryWords[2 * entry + 1] = high;
    }
    found[i] = entry;
  }
  const distinct = Array.from(new BigInt64Array(entryWords.buffer, 0, entryCount), (value, entry) => ({
    entry,
    value,
  }));
  distinct.sort((a, b) => (a.value < b.value ? -1 : 1));
  return renumber(found, distinct);
}

/** The same with the most frequent entries first; ascending among equals. */
export function byFrequency({ entries, numbers }: IntegerEntries): IntegerEntries {
  const counts = new Int32Array(entries.length);
  for (let i = 0; i < numbers.length; i++) counts[numbers[i]!]! += 1;
  const order = Array.from(entries, (value, entry) => ({ entry, value }));
  order.sort((a, b) => counts[b.entry]! - counts[a.entry]! || a.entry - b.entry);
  return renumber(numbers, order);
}

function renumber(numbers: Int32Array, order: readonly { entry: number; value: bigint }[]): IntegerEntries {
  const numberOf = new Int32Array(order.length);
  order.forEach(({ entry }, number) => (numberOf[entry] = number));
  const renumbered = new Int32Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) renumbered[i] = numberOf[numbers[i]!]!;
  return { entries: BigInt64Array.from(order, ({ value }) => value), numbers: renumbered };
}
