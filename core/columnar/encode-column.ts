import { DataType } from 'apache-arrow';
import type { StoredColumn } from './arrow-data.ts';
import { makeSection, type Mapping } from './chunk-format.ts';
import type { ColumnValues } from './column-values.ts';
import { findDecimals } from './decimals.ts';
import { splitBytes } from './byte-split.ts';
import { buildDictionary, type BuiltDictionary } from './dictionary.ts';
import { fromSmall } from './int64.ts';
import { carryIntegers, carrySections, smallest, type CarriedChunk, type StreamlessHead } from './integer-stream.ts';
import { integersOf, isInteger, isUnsigned } from './integer-values.ts';
import { nestedToIpc } from './nested.ts';
import type { TextValues } from './text.ts';
import { ByteWriter } from './byte-io.ts';
import { bytesOf } from './words.ts';

/** A column in a temporal unit, and the form of its values that the unit holds. */
export interface EncodedColumn extends CarriedChunk {
  readonly mapping: Mapping;
  readonly stored: StoredColumn;
}

/** Dictionaries pay while a value repeats; beyond half as many entries as values the text itself is smaller. */
const ENTRY_SHARE_MAX = 1 / 2;
/** With fewer entries than this share of the values, the text itself never won and is not tried. */
const ENTRY_SHARE_SURE = 1 / 16;
/** Permutations of more entries cost more than the better order of codes saves. */
const REORDERED_ENTRIES_MAX = 2 ** 16;
/** Decimals that need more than this share of the raw bytes are compared with the bits themselves. */
const DECIMAL_SHARE_SURE = 1 / 2;

/** Tries the mappings that fit the type and keeps the smallest on the real data. */
export function encodeColumn(type: DataType, column: ColumnValues): EncodedColumn {
  const { values } = column;
  switch (values.kind) {
    case 'none':
      return plain('none', column, []);
    case 'nested':
      return plain('arrow', column, [makeSection('bytes', nestedToIpc(values.data))]);
    case 'text':
      return encodeText(column, values);
    case 'fixed':
      return encodeFixed(type, column, values);
  }
}

const headOf = (mapping: Mapping, column: ColumnValues, parameters: readonly number[] = []): StreamlessHead => ({
  mapping,
  rowCount: column.rowCount,
  nullCount: column.nullCount,
  parameters,
});

const validitySections = (column: ColumnValues) => (column.validity ? [makeSection('validity', column.validity)] : []);

function plain(
  mapping: Mapping,
  column: ColumnValues,
  sections: ReturnType<typeof makeSection>[],
  parameters: readonly number[] = [],
): EncodedColumn {
  const all = [...validitySections(column), ...sections];
  return { ...carrySections(headOf(mapping, column, parameters), all), mapping, stored: column };
}

type FixedValues = Extract<ColumnValues['values'], { kind: 'fixed' }>;

function encodeFixed(type: DataType, column: ColumnValues, values: FixedValues): EncodedColumn {
  const { bytes, width } = values;
  if (isInteger(type)) {
    const integers = integersOf(bytes, width, isUnsigned(type));
    if (integers) {
      const carried = carryIntegers(headOf('integer', column), validitySections(column), integers);
      return { ...carried, mapping: 'integer', stored: column };
    }
  }
  const decimal = DataType.isFloat(type) && width > 2 ? encodeDecimals(column, values) : undefined;
  if (decimal && decimal.unit.length < bytes.length * DECIMAL_SHARE_SURE) return decimal;
  const candidates = [encodeBytes(column, values, false), encodeBytes(column, values, true)];
  return smallest(decimal ? [decimal, ...candidates] : candidates);
}

function encodeDecimals(column: ColumnValues, { bytes, width }: FixedValues): EncodedColumn | undefined {
  const decimals = findDecimals(bytes, width);
  if (!decimals) return undefined;
  const sections = validitySections(column);
  if (decimals.exceptionIndices.length > 0) {
    sections.push(makeSection('exceptionIndices', bytesOf(decimals.exceptionIndices)));
    sections.push(makeSection('exceptionBytes', decimals.exceptionBytes));
  }
  const carried = carryIntegers(headOf('decimal', column, [decimals.digits]), sections, decimals.integers);
  const exceptions = decimals.exceptionIndices.length;
  const description = { ...carried.description, digits: decimals.digits, ...(exceptions ? { exceptions } : {}) };
  return { ...carried, description, mapping: 'decimal', stored: column };
}

/** The bytes as they are, or (`split`) all first bytes, then all second bytes, …: Parquet's BYTE_STREAM_SPLIT. */
function encodeBytes(column: ColumnValues, { bytes, width }: FixedValues, split: boolean): EncodedColumn {
  const section = makeSection('bytes', split ? splitBytes(bytes, width) : bytes);
  const encoded = plain('bytes', column, [section], [width, split ? 1 : 0]);
  return split ? { ...encoded, description: { split } } : encoded;
}

function encodeText(column: ColumnValues, text: TextValues): EncodedColumn {
  const count = text.offsets.length - 1;
  const dictionary = buildDictionary(text, Math.max(1, Math.floor(count * ENTRY_SHARE_MAX)));
  if (!dictionary) return encodeTextBytes(column, text);
  const candidates = encodeDictionary(column, dictionary);
  const entryCount = dictionary.entries.offsets.length - 1;
  if (entryCount > count * ENTRY_SHARE_SURE) candidates.push(encodeTextBytes(column, text));
  return smallest(candidates);
}

function encodeTextBytes(column: ColumnValues, text: TextValues): EncodedColumn {
  const lengths = fromSmall(lengthsOf(text));
  const sections = [...validitySections(column), makeSection('bytes', text.bytes)];
  const carried = carryIntegers(headOf('text', column), sections, lengths);
  // The integers are only the lengths here: what happens to the text decides the name.
  const method = sections.at(-1)!.rawByteCount === undefined ? carried.method : 'zstd';
  return {
    ...carried,
    ...(carried.method === 'integers' || carried.method === 'palette' ? {} : { method }),
    mapping: 'text',
    stored: column,
  };
}

function lengthsOf(text: TextValues): Int32Array {
  const lengths = new Int32Array(text.offsets.length - 1);
  for (let i = 0; i < lengths.length; i++) lengths[i] = text.offsets[i + 1]! - text.offsets[i]!;
  return lengths;
}

function encodeDictionary(column: ColumnValues, dictionary: BuiltDictionary): EncodedColumn[] {
  const { codes, entries } = dictionary;
  const entryCount = entries.offsets.length - 1;
  const lengths = new ByteWriter();
  for (const length of lengthsOf(entries)) lengths.number(length);
  const sections = [
    ...validitySections(column),
    makeSection('entryLengths', lengths.finish()),
    makeSection('entryBytes', entries.bytes),
  ];
  const stored = { ...column, values: dictionary };
  const head = headOf('dictionary', column, [entryCount]);
  const make = (carried: CarriedChunk, order: string): EncodedColumn => ({
    ...carried,
    description: { ...carried.description, entries: entryCount, order },
    mapping: 'dictionary',
    stored,
  });
  const candidates = [make(carryIntegers(head, sections, fromSmall(codes)), 'bytes')];
  if (entryCount > 2 && entryCount <= REORDERED_ENTRIES_MAX) {
    const { order, ranks } = byFrequency(codes, entryCount);
    const bytes = entryCount <= 256 ? Uint8Array.from(order) : bytesOf(Uint16Array.from(order));
    const reordered = [...sections, makeSection('entryOrder', bytes)];
    const ranked = codes.map((code) => ranks[code]!);
    candidates.push(make(carryIntegers(head, reordered, fromSmall(ranked)), 'frequency'));
  }
  return candidates;
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
