import { estimateIntegers } from './av1/index.ts';
import { ByteWriter } from './byte-io.ts';
import { makeSection, NO_TERMINATOR, type Section } from './chunk-format.ts';
import type { ColumnValues } from './column-values.ts';
import { buildDictionary, type BuiltDictionary } from './dictionary.ts';
import { headOf, type EncodedColumn, validitySections } from './encoded-column.ts';
import { frontCode, type FrontCoded } from './front-coding.ts';
import { fromNumbers, fromSmall } from './int64.ts';
import { carryIntegers, carrySections, smallest } from './carry-integers.ts';
import { findNumerals, writePattern } from './numerals.ts';
import { freeByte, lengthsOf, terminated, type TextValues } from './text.ts';
import { placesOfCodes } from './recency.ts';
import { bytesOf } from './words.ts';

/** Dictionaries pay while a value repeats; beyond half as many entries as values the text itself is smaller. */
const ENTRY_SHARE_MAX = 1 / 2;
/** With fewer entries than this share of the values, only the dictionary is tried: it won, and is read fastest. */
const ENTRY_SHARE_SURE = 1 / 16;
/** Permutations of more entries cost more than the better order of codes saves. */
const REORDERED_ENTRIES_MAX = 2 ** 16;

/** A way of storing a column that was tried, and its name in the chunk's details. */
type Candidate = readonly [name: string, encoded: EncodedColumn];

/** Text or binary as numbers in a common pattern, a dictionary, or one value after another, whichever is smallest. */
export function encodeText(column: ColumnValues, text: TextValues): EncodedColumn {
  const count = text.offsets.length - 1;
  const dictionary = buildDictionary(text, Math.max(1, Math.floor(count * ENTRY_SHARE_MAX)));
  const candidates = dictionary ? encodeDictionary(column, dictionary) : [];
  const entryCount = dictionary ? dictionary.entries.offsets.length - 1 : count;
  if (entryCount > count * ENTRY_SHARE_SURE) {
    const numerals = encodeNumerals(column, text);
    candidates.push(...(numerals ? [numerals] : encodeTextBytes(column, text)));
  }
  const best = smallest(candidates.map(([, encoded]) => encoded));
  const considered = candidates.flatMap(([name, { unit }]) => [name, unit.length]);
  return candidates.length < 2 ? best : { ...best, description: { ...best.description, considered } };
}

function encodeNumerals(column: ColumnValues, text: TextValues): Candidate | undefined {
  const found = findNumerals(text);
  if (!found) return undefined;
  const sections = [...validitySections(column), makeSection('pattern', writePattern(found.pattern), { width: 1 })];
  const carried = carryIntegers(headOf('numerals', column), sections, fromNumbers(found.numbers));
  return ['numerals', { ...carried, mapping: 'numerals', stored: column }];
}

/** The values with a byte after each that none of them holds, and with their lengths apart. */
function encodeTextBytes(column: ColumnValues, text: TextValues): Candidate[] {
  const candidates: Candidate[] = [];
  const terminator = freeByte(text.bytes);
  if (terminator !== undefined) {
    const section = makeSection('bytes', terminated(text, terminator), { terminator });
    const sections = [...validitySections(column), section];
    const carried = carrySections(headOf('text', column, [terminator]), sections);
    candidates.push(['text', { ...carried, mapping: 'text', stored: column }]);
    if (section.records) return candidates;
    const fronts = frontCode(text);
    if (fronts) candidates.push(encodeFronts(column, fronts, terminator));
  }
  const sections = [...validitySections(column), makeSection('bytes', text.bytes)];
  const carried = carryIntegers(headOf('text', column), sections, fromSmall(lengthsOf(text)));
  // The integers are only the lengths here: what happens to the text decides the name.
  const method = sections.at(-1)!.rawByteCount === undefined ? carried.method : 'zstd';
  const own = carried.method === 'integers' || carried.method === 'palette' ? {} : { method };
  candidates.push(['text and lengths', { ...carried, ...own, mapping: 'text', stored: column }]);
  return candidates;
}

/** What the model predicts from the record above, for text that is too long for it. */
function encodeFronts(column: ColumnValues, { shared, rests }: FrontCoded, terminator: number): Candidate {
  const sections = [
    ...validitySections(column),
    makeSection('shared', shared, { width: 1 }),
    makeSection('bytes', terminated(rests, terminator), { terminator }),
  ];
  const carried = carrySections(headOf('text', column, [terminator, 1]), sections);
  return ['text by fronts', { ...carried, mapping: 'text', stored: column }];
}

/** The integers of a dictionary, and what a reader needs besides to find the entries by them. */
interface CodeOrder {
  readonly name: 'bytes' | 'frequency' | 'recency';
  readonly integers: BigInt64Array;
  readonly entryOrder?: Uint8Array;
}

function encodeDictionary(column: ColumnValues, dictionary: BuiltDictionary): Candidate[] {
  const { codes, entries } = dictionary;
  const entryCount = entries.offsets.length - 1;
  const terminator = freeByte(entries.bytes);
  const sections = [...validitySections(column), ...entrySections(entries, terminator)];
  const stored = { ...column, values: dictionary };
  return promising(codeOrders(codes, entryCount)).map(({ name, integers, entryOrder }): Candidate => {
    const parameters = [entryCount, terminator ?? NO_TERMINATOR, ...(name === 'recency' ? [1] : [])];
    const width = entryCount <= 256 ? 1 : 2;
    const all = entryOrder ? [...sections, makeSection('entryOrder', entryOrder, { width })] : sections;
    const carried = carryIntegers(headOf('dictionary', column, parameters), all, integers);
    const description = { ...carried.description, entries: entryCount, order: name };
    return [`dictionary by ${name}`, { ...carried, description, mapping: 'dictionary', stored }];
  });
}

function codeOrders(codes: Int32Array, entryCount: number): [CodeOrder, ...CodeOrder[]] {
  const orders: [CodeOrder, ...CodeOrder[]] = [{ name: 'bytes', integers: fromSmall(codes) }];
  if (entryCount <= 2 || entryCount > REORDERED_ENTRIES_MAX) return orders;
  const { order, ranks } = byFrequency(codes, entryCount);
  const entryOrder = entryCount <= 256 ? Uint8Array.from(order) : bytesOf(Uint16Array.from(order));
  orders.push({ name: 'frequency', integers: fromSmall(codes.map((code) => ranks[code]!)), entryOrder });
  const places = placesOfCodes(codes, entryCount);
  if (places) orders.push({ name: 'recency', integers: fromSmall(places) });
  return orders;
}

/** The order by bytes, which suits the model and zstd, and of the others the one that a sample finds smallest. */
function promising([byBytes, ...others]: readonly [CodeOrder, ...CodeOrder[]]): CodeOrder[] {
  const estimated = others.map((order) => ({ order, bits: estimateIntegers(order.integers)[0]!.bitsPerValue }));
  const best = estimated.toSorted((a, b) => a.bits - b.bits)[0];
  return best ? [byBytes, best.order] : [byBytes];
}

function entrySections(entries: TextValues, terminator: number | undefined): Section[] {
  if (terminator !== undefined) return [makeSection('entryBytes', terminated(entries, terminator), { terminator })];
  const lengths = new ByteWriter();
  for (const length of lengthsOf(entries)) lengths.number(length);
  return [makeSection('entryLengths', lengths.finish()), makeSection('entryBytes', entries.bytes)];
}

/** Codes by falling frequency: `order[rank]` is the code, `ranks[code]` the rank. Skewed data then needs few bins. */
function byFrequency(codes: Int32Array, entryCount: number): { order: Int32Array; ranks: Int32Array } {
  const counts = new Int32Array(entryCount);
  for (let i = 0; i < codes.length; i++) counts[codes[i]!]! += 1;
  const order = Int32Array.from(counts.keys()).sort((a, b) => counts[b]! - counts[a]! || a - b);
  const ranks = new Int32Array(entryCount);
  order.forEach((code, rank) => (ranks[code] = rank));
  return { order, ranks };
}
