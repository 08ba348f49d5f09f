import { wordsOf } from './int64.ts';

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
  const words = wordsOf(values);
  const size = 2 ** Math.ceil(Math.log2(entriesMax * 4));
  const table = new Int32Array(size).fill(-1);
  const firsts: number[] = [];
  const found = new Int32Array(values.length);
  for (let i = 0; i < found.length; i++) {
    const low = words[2 * i]!;
    const high = words[2 * i + 1]!;
    let slot = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> 7;
    for (;;) {
      slot &= size - 1;
      const entry = table[slot]!;
      if (entry < 0) {
        if (firsts.length === entriesMax) return undefined;
        table[slot] = firsts.length;
        found[i] = firsts.length;
        firsts.push(i);
        break;
      }
      const first = firsts[entry]!;
      if (words[2 * first] === low && words[2 * first + 1] === high) {
        found[i] = entry;
        break;
      }
      slot += 1;
    }
  }
  const distinct = firsts.map((first, entry) => ({ entry, value: values[first]! }));
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
  return {
    entries: BigInt64Array.from(order, ({ value }) => value),
    numbers: numbers.map((entry) => numberOf[entry]!),
  };
}
