import { DataType } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { isNested } from './arrow-json.ts';
import type { DictionaryValues, StoredColumn } from './arrow-data.ts';
import { countBits } from './bitmap.ts';
import { ByteReader } from './byte-io.ts';
import { type CarriedIntegers, toBytes, toInt64 } from './carried-integers.ts';
import { type ChunkMetadata, NO_TERMINATOR } from './chunk-format.ts';
import { fixedWidth, isText, type ColumnValues } from './column-values.ts';
import { type DecodeMemory, freshMemory } from './decode-memory.ts';
import { decimalBytes, shapeOf } from './decimals.ts';
import { joinFronts } from './front-coding.ts';
import { joinBytes } from './byte-split.ts';
import { checkExpansion, expansionMax } from './expansion.ts';
import { toNumbers } from './int64.ts';
import { readIntegers } from './integer-stream.ts';
import { gridBytes, readGridSection, withExceptions } from './bounded.ts';
import { canHaveBound } from './error-bound.ts';
import { bitsInOrder } from './ordered-bits.ts';
import { EXPANDED_BYTES_FREE, TEXT_BYTES_MAX } from './limits.ts';
import { nestedFromIpc } from './nested.ts';
import { numeralTexts, readPattern } from './numerals.ts';
import { codesOfPlaces, RECENT_ENTRIES_MAX } from './recency.ts';
import type { ChunkEncoding } from './segment-header.ts';
import { compareTexts, cutTerminated, type TextValues } from './text.ts';
import { viewAs } from './words.ts';

/** A column read from its unit. */
export interface DecodedColumn {
  readonly column: StoredColumn;
  /** The Arrow IPC stream of nested values, which their checksum is of. */
  readonly nested: Uint8Array | undefined;
}

const invalid = (message: string) => new GranaryError('FORMAT_INVALID', message);

/** What the unit alone does not tell. */
export interface ColumnEncoding {
  readonly method: ChunkEncoding['method'];
  readonly pixels?: unknown;
  readonly runs?: unknown;
  /** The most bytes that a section or the texts of the column may expand to, if less than what the format allows. */
  readonly expandedBytesMax?: number | undefined;
}

/**
 * Reads a temporal unit. Errors: `FORMAT_INVALID`, `LIMIT_EXCEEDED` (see `expansionMax`), `UNSUPPORTED` (no zstd in this
 * realm), those of the AV1 codec.
 *
 * @param rowCount of the row group; the unit must agree
 * @param nullCount of the chunk as the header tells it; the unit must agree
 * @param memory takes the values
 */
export function decodeColumn(
  type: DataType,
  unit: Uint8Array,
  encoding: ColumnEncoding,
  rowCount: number,
  nullCount: number,
  memory: DecodeMemory = freshMemory,
): DecodedColumn {
  const pixels = encoding.pixels === 'raw' ? 'raw' : 'rank';
  const { method, expandedBytesMax } = encoding;
  const runs = typeof encoding.runs === 'number' ? encoding.runs : undefined;
  const options = { method, pixels, runs, expandedBytesMax } as const;
  const { metadata, integers } = readIntegers(unit, options, rowCount - nullCount, memory);
  const { head } = metadata;
  if (head.rowCount !== rowCount || head.nullCount !== nullCount) throw invalid('A chunk disagrees with its header.');
  const validity = readValidity(metadata);
  const bytesMax = Math.min(expansionMax(unit.length, expandedBytesMax), TEXT_BYTES_MAX);
  const values = readValues(type, metadata, integers, bytesMax, memory);
  const column: StoredColumn = { rowCount, nullCount, validity, values };
  checkExpansion(arrowByteCount(type, column), bytesMax);
  return { column, nested: values.kind === 'nested' ? metadata.section('bytes') : undefined };
}

/** At least what the column takes as an Arrow array, where that is more than some bytes a row; else 0. */
function arrowByteCount(type: DataType, { rowCount, values }: StoredColumn): number {
  if (DataType.isFixedSizeBinary(type)) return rowCount * type.byteWidth;
  if (values.kind !== 'dictionary' || DataType.isDictionary(type)) return 0;
  const { codes, entries } = values;
  let longest = 0;
  for (let i = 1; i < entries.offsets.length; i++)
    longest = Math.max(longest, entries.offsets[i]! - entries.offsets[i - 1]!);
  if (codes.length * longest <= EXPANDED_BYTES_FREE / 16) return codes.length * longest;
  let total = 0;
  for (let i = 0; i < codes.length; i++) total += entries.offsets[codes[i]! + 1]! - entries.offsets[codes[i]!]!;
  return total;
}

function readValidity({ head, section }: ChunkMetadata): Uint8Array | undefined {
  if (head.nullCount === 0 || head.nullCount === head.rowCount) return undefined;
  const validity = section('validity');
  const spare = head.rowCount & 7;
  if (
    validity?.length !== (head.rowCount + 7) >> 3 ||
    (spare > 0 && validity.at(-1)! >> spare !== 0) ||
    countBits(validity) !== head.rowCount - head.nullCount
  ) {
    throw invalid('The validity of a chunk does not fit its rows.');
  }
  return validity;
}

function readValues(
  type: DataType,
  metadata: ChunkMetadata,
  integers: CarriedIntegers,
  bytesMax: number,
  memory: DecodeMemory,
): StoredColumn['values'] {
  const { head, section } = metadata;
  const valueCount = head.rowCount - head.nullCount;
  switch (head.mapping) {
    case 'none':
      if (valueCount > 0 || isNested(type)) throw invalid('A chunk holds no values.');
      return { kind: 'none' };
    case 'integer': {
      const width = fixedWidth(type);
      if (!width || integers.values.length !== valueCount) throw invalid('A chunk holds no integers of its type.');
      if (head.parameters.length > 0) return readOrderedBits(type, metadata, toInt64(integers, memory));
      return { kind: 'fixed', width, bytes: toBytes(integers, width, memory) };
    }
    case 'decimal': {
      const grid = section('grid');
      if (grid) return readGrid(type, metadata, grid, toInt64(integers, memory));
      return readDecimals(type, metadata, toInt64(integers, memory));
    }
    case 'bytes': {
      const [width, split] = head.parameters;
      const bytes = section('bytes') ?? new Uint8Array(0);
      if (width === undefined || width !== fixedWidth(type) || bytes.length !== width * valueCount) {
        throw invalid('A chunk holds another number of bytes than its rows need.');
      }
      return { kind: 'fixed', width, bytes: split === 1 ? joinBytes(bytes, width) : bytes };
    }
    case 'dictionary':
      requireText(type);
      return readDictionary(metadata, integers, memory);
    case 'text':
      requireText(type);
      return readText(metadata, integers, bytesMax, memory);
    case 'numerals':
      requireText(type);
      return readNumerals(metadata, integers, bytesMax, memory);
    case 'arrow':
      return { kind: 'nested', data: nestedFromIpc(section('bytes') ?? new Uint8Array(0), type, head.rowCount) };
  }
}

/** Values with the exceptions of the chunk over them. */
function fixedWithExceptions(width: number, bytes: Uint8Array | undefined, { section }: ChunkMetadata) {
  const indices = viewAs(section('exceptionIndices') ?? new Uint8Array(0), Uint32Array);
  const all = bytes && withExceptions(bytes, width, indices, section('exceptionBytes') ?? new Uint8Array(0));
  if (!all) throw invalid('A chunk holds numbers that do not fit its type.');
  return { kind: 'fixed', width, bytes: all } as const;
}

/** The bits of floats in their order. */
function readOrderedBits(type: DataType, metadata: ChunkMetadata, numbers: BigInt64Array): ColumnValues['values'] {
  const width = fixedWidth(type) ?? 0;
  const [from = 0, divisor = 1, ...more] = metadata.head.parameters;
  const integers = divisor === 1 ? numbers : numbers.map((number) => number * BigInt(divisor));
  const known = DataType.isFloat(type) && more.length === 0;
  return fixedWithExceptions(width, known ? bitsInOrder({ width: from, integers }, width) : undefined, metadata);
}

function readGrid(
  type: DataType,
  metadata: ChunkMetadata,
  section: Uint8Array,
  integers: BigInt64Array,
): ColumnValues['values'] {
  const { head } = metadata;
  const width = fixedWidth(type);
  const grid = readGridSection(section);
  const fits = canHaveBound(type) && grid && head.parameters.length === 0;
  if (!width || !fits || integers.length !== head.rowCount - head.nullCount)
    throw invalid('A chunk has no valid grid.');
  return fixedWithExceptions(width, gridBytes(type, width, grid, integers), metadata);
}

/** Texts and binaries, and dictionaries of them. */
function requireText(type: DataType): void {
  if (!isText(DataType.isDictionary(type) ? (type.dictionary as DataType) : type))
    throw invalid(`A chunk holds text instead of values of type ${type}.`);
}

function readDecimals(
  type: DataType,
  { head, section }: ChunkMetadata,
  integers: BigInt64Array,
): ColumnValues['values'] {
  const width = fixedWidth(type);
  const shape = shapeOf(head.parameters);
  const exceptionIndices = viewAs(section('exceptionIndices') ?? new Uint8Array(0), Uint32Array);
  const exceptionBytes = section('exceptionBytes') ?? new Uint8Array(0);
  const bytes =
    (width === 4 || width === 8) && shape && integers.length === head.rowCount - head.nullCount
      ? decimalBytes({ ...shape, integers, exceptionIndices, exceptionBytes }, width)
      : undefined;
  if (!width || !bytes) throw invalid('A chunk holds no decimals of its type.');
  return { kind: 'fixed', width, bytes };
}

/** Offsets from lengths. The lengths must add up to the bytes. */
function textOf(lengths: Int32Array, bytes: Uint8Array): TextValues {
  const offsets = new Int32Array(lengths.length + 1);
  let end = 0;
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i]!;
    end += length;
    if (length < 0 || end > bytes.length) throw invalid('The lengths of a chunk of text do not fit its bytes.');
    offsets[i + 1] = end;
  }
  if (end !== bytes.length) throw invalid('The lengths of a chunk of text do not fit its bytes.');
  return { kind: 'text', offsets, bytes };
}

function readText(
  { head, section }: ChunkMetadata,
  integers: CarriedIntegers,
  bytesMax: number,
  memory: DecodeMemory,
): TextValues {
  const valueCount = head.rowCount - head.nullCount;
  const bytes = section('bytes') ?? new Uint8Array(0);
  const [terminator, byFronts] = head.parameters;
  if (terminator !== undefined) {
    const rests = terminatedText(bytes, terminator, valueCount);
    if (byFronts !== 1) return rests;
    const joined = joinFronts({ shared: section('shared') ?? new Uint8Array(0), rests }, bytesMax);
    if (!joined) throw invalid('The texts of a chunk share more than there is.');
    return joined;
  }
  if (integers.values.length !== valueCount)
    throw invalid('A chunk of text holds another number of lengths than values.');
  return textOf(viewAs(toBytes(integers, 4, memory), Int32Array), bytes);
}

function terminatedText(joined: Uint8Array, terminator: number, count: number): TextValues {
  const text = cutTerminated(joined, terminator, count);
  if (!text) throw invalid('A chunk of text holds another number of values than it should.');
  return text;
}

function readNumerals(
  { head, section }: ChunkMetadata,
  integers: CarriedIntegers,
  bytesMax: number,
  memory: DecodeMemory,
): TextValues {
  const valueCount = head.rowCount - head.nullCount;
  const pattern = readPattern(section('pattern') ?? new Uint8Array(0));
  const numbers = integers.values.length === valueCount ? toNumbers(toInt64(integers, memory)) : undefined;
  const texts = pattern && numbers && numeralTexts(pattern, numbers, bytesMax);
  if (!texts) throw invalid('A chunk holds no numerals.');
  return texts;
}

function readDictionary(
  { head, section }: ChunkMetadata,
  integers: CarriedIntegers,
  memory: DecodeMemory,
): DictionaryValues {
  const [entryCount = 0, terminator = NO_TERMINATOR, byRecency] = head.parameters;
  const valueCount = head.rowCount - head.nullCount;
  if (entryCount > valueCount || integers.values.length !== valueCount)
    throw invalid('A dictionary has impossible counts.');
  const entries = readEntries(entryCount, terminator, section);
  for (let i = 1; i < entryCount; i++)
    if (compareTexts(entries, i - 1, i) >= 0) throw invalid('The entries of a dictionary are not in order.');
  const order = readEntryOrder(section('entryOrder'), entryCount);
  const width = entryCount <= 2 ** 8 ? 1 : entryCount <= 2 ** 16 ? 2 : 4;
  const stored = codesOf(toBytes(integers, width, memory), width);
  let highest = 0;
  for (let i = 0; i < valueCount; i++) {
    // As an unsigned number a code below 0 is higher than any entry.
    const code = stored[i]! >>> 0;
    if (code > highest) highest = code;
  }
  if (valueCount > 0 && highest >= entryCount) throw invalid('A code of a chunk has no entry.');
  if (!order && byRecency !== 1) return { kind: 'dictionary', codes: stored, entries };
  // What is stored may be the unit's own bytes: it is not changed in place.
  const codes = codesOf(memory.bytes(valueCount * width), width);
  if (byRecency === 1) {
    if (entryCount > RECENT_ENTRIES_MAX) throw invalid('A dictionary by recency has too many entries.');
    codesOfPlaces(stored, codes, entryCount);
  } else for (let i = 0; i < valueCount; i++) codes[i] = order![stored[i]!]!;
  return { kind: 'dictionary', codes, entries };
}

const codesOf = (bytes: Uint8Array, width: number): DictionaryValues['codes'] =>
  width === 1 ? bytes : width === 2 ? viewAs(bytes, Uint16Array) : viewAs(bytes, Int32Array);

function readEntries(entryCount: number, terminator: number, section: ChunkMetadata['section']): TextValues {
  const bytes = section('entryBytes') ?? new Uint8Array(0);
  if (terminator !== NO_TERMINATOR) return terminatedText(bytes, terminator, entryCount);
  const reader = new ByteReader(section('entryLengths') ?? new Uint8Array(0));
  const lengths = new Int32Array(entryCount);
  for (let i = 0; i < entryCount; i++) lengths[i] = reader.number();
  return textOf(lengths, bytes);
}

/** The entry that each stored code stands for; undefined when codes are entries themselves. */
function readEntryOrder(order: Uint8Array | undefined, entryCount: number): Uint8Array | Uint16Array | undefined {
  if (!order) return undefined;
  const ranks = entryCount <= 256 ? order : viewAs(order, Uint16Array);
  if (ranks.length !== entryCount || ranks.some((rank) => rank >= entryCount)) {
    throw invalid('The order of a dictionary does not fit its entries.');
  }
  return ranks;
}
