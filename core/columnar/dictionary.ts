import type { DictionaryValues } from './arrow-data.ts';
import { compareTexts, type TextValues } from './text.ts';

export interface BuiltDictionary extends DictionaryValues {
  readonly codes: Int32Array;
}

/**
 * The distinct texts in ascending byte order and the code of each value; undefined when there are more than
 * `entriesMax`. Never makes a JavaScript string: an open-addressing hash table over the bytes.
 */
export function buildDictionary(text: TextValues, entriesMax: number): BuiltDictionary | undefined {
  const distinct = findDistinct(text, entriesMax);
  if (!distinct) return undefined;
  const { codes, firsts } = distinct;
  const order = sortTexts(text, firsts);
  const codeOf = new Int32Array(order.length);
  const offsets = new Int32Array(order.length + 1);
  for (let code = 0; code < order.length; code++) {
    const first = firsts[order[code]!]!;
    codeOf[order[code]!] = code;
    offsets[code + 1] = offsets[code]! + text.offsets[first + 1]! - text.offsets[first]!;
  }
  const bytes = new Uint8Array(offsets[order.length]!);
  for (let code = 0; code < order.length; code++) {
    const first = firsts[order[code]!]!;
    bytes.set(text.bytes.subarray(text.offsets[first]!, text.offsets[first + 1]!), offsets[code]!);
  }
  for (let i = 0; i < codes.length; i++) codes[i] = codeOf[codes[i]!]!;
  return { kind: 'dictionary', codes, entries: { kind: 'text', offsets, bytes } };
}

/** Numbers the values by first occurrence; `firsts[number]` is the index of the first value that has it. */
function findDistinct(text: TextValues, entriesMax: number): { codes: Int32Array; firsts: Int32Array } | undefined {
  const { offsets, bytes } = text;
  const count = offsets.length - 1;
  const codes = new Int32Array(count);
  let firsts = new Int32Array(1024);
  let hashes = new Int32Array(1024);
  let table = new Int32Array(4096).fill(-1);
  let entryCount = 0;
  for (let i = 0; i < count; i++) {
    const start = offsets[i]!;
    const end = offsets[i + 1]!;
    const hash = hashBytes(bytes, start, end);
    let slot = hash & (table.length - 1);
    let entry = table[slot]!;
    while (entry >= 0 && !(hashes[entry] === hash && sameText(text, firsts[entry]!, start, end))) {
      slot = (slot + 1) & (table.length - 1);
      entry = table[slot]!;
    }
    if (entry < 0) {
      if (entryCount === entriesMax) return undefined;
      entry = entryCount++;
      if (entry === firsts.length) {
        firsts = grow(firsts);
        hashes = grow(hashes);
      }
      firsts[entry] = i;
      hashes[entry] = hash;
      table[slot] = entry;
      if (entryCount * 2 > table.length) table = rehash(hashes, entryCount, table.length * 4);
    }
    codes[i] = entry;
  }
  return { codes, firsts: firsts.subarray(0, entryCount) };
}

function grow(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}

function rehash(hashes: Int32Array, entryCount: number, size: number): Int32Array<ArrayBuffer> {
  const table = new Int32Array(size).fill(-1);
  for (let entry = 0; entry < entryCount; entry++) {
    let slot = hashes[entry]! & (size - 1);
    while (table[slot]! >= 0) slot = (slot + 1) & (size - 1);
    table[slot] = entry;
  }
  return table;
}

/** Four bytes a step, then a final mix so that the low bits depend on all of them. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = Math.imul(end - start, 0x9e3779b1);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash = Math.imul(hash ^ word, 0x85ebca6b);
    hash = (hash << 13) | (hash >>> 19);
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0xc2b2ae35);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

function sameText(text: TextValues, index: number, start: number, end: number): boolean {
  const { offsets, bytes } = text;
  let at = offsets[index]!;
  if (offsets[index + 1]! - at !== end - start) return false;
  for (let from = start; from < end; from++) if (bytes[at++] !== bytes[from]) return false;
  return true;
}

/** Numbers of the distinct texts in ascending byte order. The first six bytes as one number decide most comparisons. */
function sortTexts(text: TextValues, firsts: Int32Array): Int32Array {
  const { offsets, bytes } = text;
  const keys = new Float64Array(firsts.length);
  for (let i = 0; i < firsts.length; i++) {
    const start = offsets[firsts[i]!]!;
    const length = offsets[firsts[i]! + 1]! - start;
    let key = 0;
    for (let k = 0; k < 6; k++) key = key * 256 + (k < length ? bytes[start + k]! : 0);
    keys[i] = key;
  }
  return Int32Array.from(firsts.keys()).sort(
    (a, b) => keys[a]! - keys[b]! || compareTexts(text, firsts[a]!, firsts[b]!),
  );
}
