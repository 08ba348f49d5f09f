import { ByteWriter, type DecodeMemory } from '#core/columnar/index.ts';
import { concatBytes } from '#core/kernel/index.ts';
import type { Codes, ScanColumn } from '../scan-column.ts';
import { PHYSICAL, type ParquetType } from './parquet-types.ts';
import { type ThriftField, type ThriftValue, writeThrift } from './thrift-writer.ts';

/** A column of the file. */
export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
  readonly column: ScanColumn;
  /** Where its integers are said to lie, when they are integers and that is known; need not be true. */
  readonly bounds?: IntegerBounds | undefined;
}

/** Both inclusive. */
export interface IntegerBounds {
  readonly min: number;
  readonly max: number;
}

const MAGIC = Uint8Array.of(0x50, 0x41, 0x52, 0x31);
const OPTIONAL = 1;
const PLAIN = 0;
const RLE = 3;
const RLE_DICTIONARY = 8;
const UNCOMPRESSED = 0;
const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;

/** A Parquet file as it is laid out: pieces to be written one after another. */
export interface ParquetLayout {
  /**
   * The pieces of the next column. They may share memory with it, and are to be written before that changes.
   *
   * @param memory takes what is not shared
   */
  add(column: ParquetColumn, memory: DecodeMemory): readonly Uint8Array[];
  /** The last pieces. */
  finish(): readonly Uint8Array[];
}

/**
 * One row group as a Parquet file: no compression, one page a column, values copied as they lie in memory, dictionaries
 * kept. Made to be scanned once or a few times by the engine of this machine, not to be kept. Source: the format of
 * Apache Parquet, Encodings.md and parquet.thrift.
 */
export function layParquetFile(rowCount: number): ParquetLayout {
  let at = 0;
  const chunks: ThriftValue[] = [];
  const columns: ParquetColumn[] = [];
  return {
    add(column, memory) {
      const { pieces, dictionaryByteCount } = layColumn(column, memory);
      const own = at === 0 ? [MAGIC, ...pieces] : pieces;
      const start = at === 0 ? MAGIC.length : at;
      at += byteCountOf(own);
      columns.push(column);
      chunks.push(chunkMetadata(column, rowCount, { start, dictionaryByteCount, byteCount: at - start }));
      return own;
    },
    finish() {
      const rowGroup: ThriftField[] = [
        [1, { list: chunks }],
        [2, { int64: at }],
        [3, { int64: rowCount }],
      ];
      const footer = writeThrift([
        [1, { int32: 1 }],
        [2, { list: schemaOf(columns) }],
        [3, { int64: rowCount }],
        [4, { list: [{ struct: rowGroup }] }],
      ]);
      return [footer, uint32(footer.length), MAGIC];
    },
  };
}

function chunkMetadata(
  { name, type }: ParquetColumn,
  rowCount: number,
  place: { readonly start: number; readonly dictionaryByteCount: number; readonly byteCount: number },
): ThriftValue {
  const { start, dictionaryByteCount, byteCount } = place;
  const dictionary: ThriftField[] = dictionaryByteCount > 0 ? [[11, { int64: start }]] : [];
  const fields: ThriftField[] = [
    [1, { int32: PHYSICAL[type.physical] }],
    [2, { list: [PLAIN, RLE, RLE_DICTIONARY].map((encoding) => ({ int32: encoding })) }],
    [3, { list: [{ text: name }] }],
    [4, { int32: UNCOMPRESSED }],
    [5, { int64: rowCount }],
    [6, { int64: byteCount }],
    [7, { int64: byteCount }],
    [9, { int64: start + dictionaryByteCount }],
    ...dictionary,
  ];
  return {
    struct: [
      [2, { int64: start }],
      [3, { struct: fields }],
    ],
  };
}

function schemaOf(columns: readonly ParquetColumn[]): readonly ThriftValue[] {
  const root: ThriftValue = {
    struct: [
      [4, { text: 'rows' }],
      [5, { int32: columns.length }],
    ],
  };
  const leaves = columns.map(({ name, type }): ThriftValue => {
    const width: readonly ThriftField[] = type.physical === 'fixedBytes' ? [[2, { int32: type.width }]] : [];
    return {
      struct: [
        [1, { int32: PHYSICAL[type.physical] }],
        ...width,
        [3, { int32: OPTIONAL }],
        [4, { text: name }],
        ...type.annotation,
      ],
    };
  });
  return [root, ...leaves];
}

interface LaidColumn {
  readonly pieces: readonly Uint8Array[];
  /** Of the page in front of the values; 0 when there is none. */
  readonly dictionaryByteCount: number;
}

function layColumn({ type, column, bounds }: ParquetColumn, memory: DecodeMemory): LaidColumn {
  const { rowCount, validity, values } = column;
  const rows = validity && presentRows(validity, rowCount);
  const levels = concatBytes(validity ? bitPacked(validity, rowCount) : repeated(1, rowCount));
  const page = (encoding: number, body: readonly Uint8Array[]): readonly Uint8Array[] => {
    const byteCount = 4 + levels.length + byteCountOf(body);
    const header: readonly ThriftField[] = [
      [1, { int32: rowCount }],
      [2, { int32: encoding }],
      [3, { int32: RLE }],
      [4, { int32: RLE }],
    ];
    return [pageHeader(DATA_PAGE, byteCount, [5, { struct: header }]), uint32(levels.length), levels, ...body];
  };
  const coded = (entries: Uint8Array, entryCount: number, codes: Codes): LaidColumn => {
    const header: readonly ThriftField[] = [
      [1, { int32: entryCount }],
      [2, { int32: PLAIN }],
    ];
    const dictionary = concatBytes([pageHeader(DICTIONARY_PAGE, entries.length, [7, { struct: header }]), entries]);
    return {
      pieces: [dictionary, ...page(RLE_DICTIONARY, packedCodes(codes))],
      dictionaryByteCount: dictionary.length,
    };
  };
  if (values.kind === 'codes') {
    const codes = rows ? Int32Array.from(rows, (row) => values.codes[row]!) : values.codes;
    return coded(plainTexts(values.offsets, values.bytes, undefined), values.offsets.length - 1, codes);
  }
  if (values.kind === 'text') {
    return { pieces: page(PLAIN, [plainTexts(values.offsets, values.bytes, rows)]), dictionaryByteCount: 0 };
  }
  const bytes = plainValues(type, values.bytes, values.width, rows);
  const ranged = bounds && rangeCodes(type, bytes, bounds, memory);
  if (ranged) return coded(ranged.entries, bounds.max - bounds.min + 1, ranged.codes);
  return { pieces: page(PLAIN, [bytes]), dictionaryByteCount: 0 };
}

/** Integers of a wider range stand as they are: their dictionary would take more time than it saves. */
const RANGE_MAX = 2 ** 14;

/** A dictionary of all integers in a range pays when there are this many times as many values. */
const VALUES_PER_ENTRY_MIN = 4;

/**
 * Integers as codes into a dictionary of all integers between the bounds: a quarter of the bytes or less, and bytes are
 * what the decoded rows of a column cost. Undefined where that does not pay, or an integer lies outside.
 */
function rangeCodes(
  { physical }: ParquetType,
  bytes: Uint8Array,
  { min, max }: IntegerBounds,
  memory: DecodeMemory,
): { readonly entries: Uint8Array; readonly codes: Codes } | undefined {
  const words = physical === 'int64' ? 2 : physical === 'int32' ? 1 : 0;
  const count = bytes.length / (4 * words);
  const span = max - min;
  const isNarrow =
    min >= INT32_MIN && max <= INT32_MAX && span < RANGE_MAX && (span + 1) * VALUES_PER_ENTRY_MIN <= count;
  if (words === 0 || !isNarrow || bytes.byteOffset % 4 !== 0) return undefined;
  const source = new Int32Array(bytes.buffer, bytes.byteOffset, count * words);
  const width = span < 2 ** 8 ? 1 : 2;
  const codeBytes = memory.bytes(count * width);
  const codes = width === 1 ? codeBytes : new Uint16Array(codeBytes.buffer, codeBytes.byteOffset, count);
  let outside = 0;
  for (let i = 0, at = 0; i < count; i++, at += words) {
    const low = source[at]!;
    const code = low - min;
    // The high word of a number within the bounds repeats the sign of the low one.
    outside |= (source[at + words - 1]! ^ (words === 1 ? low : low >> 31)) | (code >>> 0 > span ? 1 : 0);
    codes[i] = code;
  }
  if (outside !== 0) return undefined;
  const entries = new Int32Array((span + 1) * words);
  for (let entry = 0; entry <= span; entry++) {
    entries[entry * words] = min + entry;
    if (words === 2) entries[entry * 2 + 1] = (min + entry) >> 31;
  }
  return { entries: bytesOf(entries), codes };
}

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

const pageHeader = (type: number, byteCount: number, header: ThriftField): Uint8Array =>
  writeThrift([[1, { int32: type }], [2, { int32: byteCount }], [3, { int32: byteCount }], header]);

/** Indices of the rows that have a value. */
function presentRows(validity: Uint8Array, rowCount: number): Int32Array {
  const rows = new Int32Array(rowCount);
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    rows[count] = row;
    count += (validity[row >> 3]! >> (row & 7)) & 1;
  }
  return rows.subarray(0, count);
}

/** A run of bits in the hybrid of runs and packed bits: Arrow's bitmap is what the format asks for. */
function bitPacked(bits: Uint8Array, count: number): readonly Uint8Array[] {
  const byteCount = (count + 7) >> 3;
  return [new ByteWriter().number(byteCount * 2 + 1).finish(), bits.subarray(0, byteCount)];
}

/** The same for one value that all rows have; width of one byte. */
const repeated = (value: number, count: number): readonly Uint8Array[] => [
  new ByteWriter()
    .number(count * 2)
    .byte(value)
    .finish(),
];

/** Codes of 8, 16 or 32 bits as one run of packed bits. */
function packedCodes(codes: Codes): readonly Uint8Array[] {
  // A run is a whole number of groups of eight; the codes behind the last one are not looked at.
  const groupCount = (codes.length + 7) >> 3;
  const padding = (groupCount * 8 - codes.length) * codes.BYTES_PER_ELEMENT;
  const header = new ByteWriter()
    .byte(codes.BYTES_PER_ELEMENT * 8)
    .number(groupCount * 2 + 1)
    .finish();
  return [header, bytesOf(codes), new Uint8Array(padding)];
}

function plainValues(
  { physical, width, isUnsigned = false }: ParquetType,
  source: Uint8Array,
  sourceWidth: number,
  rows: Int32Array | undefined,
): Uint8Array {
  if (physical === 'boolean') return packedBits(source, rows);
  const bytes = rows ? pick(source, sourceWidth, rows) : source;
  if (physical === 'fixedBytes') return reversed(bytes, width);
  return width === sourceWidth ? bytes : widened(bytes, sourceWidth, isUnsigned);
}

function packedBits(source: Uint8Array, rows: Int32Array | undefined): Uint8Array {
  const count = rows?.length ?? source.length;
  const bits = new Uint8Array((count + 7) >> 3);
  for (let i = 0; i < count; i++) bits[i >> 3]! |= source[rows ? rows[i]! : i]! << (i & 7);
  return bits;
}

function pick(source: Uint8Array, width: number, rows: Int32Array): Uint8Array {
  const aligned = source.byteOffset % width === 0 ? source : source.slice();
  const View = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Int32Array;
  const from = new View(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / Math.min(width, 4));
  const words = Math.max(1, width / 4);
  const picked = new View(rows.length * words);
  if (words === 1) for (let i = 0; i < rows.length; i++) picked[i] = from[rows[i]!]!;
  else
    for (let i = 0, at = 0; i < rows.length; i++)
      for (let word = 0; word < words; word++) picked[at++] = from[rows[i]! * words + word]!;
  return bytesOf(picked);
}

/** Integers of one or two bytes as such of four. */
function widened(bytes: Uint8Array, width: number, isUnsigned: boolean): Uint8Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  const Narrow = width === 1 ? (isUnsigned ? Uint8Array : Int8Array) : isUnsigned ? Uint16Array : Int16Array;
  return bytesOf(Int32Array.from(new Narrow(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / width)));
}

/** Wide decimals stand with their highest byte first. */
function reversed(bytes: Uint8Array, width: number): Uint8Array {
  const result = new Uint8Array(bytes.length);
  for (let start = 0; start < bytes.length; start += width)
    for (let i = 0; i < width; i++) result[start + i] = bytes[start + width - 1 - i]!;
  return result;
}

/** Each text with its length in front. */
function plainTexts(offsets: Int32Array, bytes: Uint8Array, rows: Int32Array | undefined): Uint8Array {
  const count = rows?.length ?? offsets.length - 1;
  const start = offsets[0] ?? 0;
  const result = new Uint8Array(count * 4 + (offsets.at(-1) ?? 0) - start);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const row = rows ? rows[i]! : i;
    let from = offsets[row]!;
    const end = offsets[row + 1]!;
    const length = end - from;
    result[at] = length;
    result[at + 1] = length >>> 8;
    result[at + 2] = length >>> 16;
    result[at + 3] = length >>> 24;
    at += 4;
    if (length > COPIED_SINGLY_MAX) {
      result.set(bytes.subarray(from, end), at);
      at += length;
    } else while (from < end) result[at++] = bytes[from++]!;
  }
  return result.subarray(0, at);
}

/** Beyond so many bytes a copy at once is faster than one byte after another. */
const COPIED_SINGLY_MAX = 48;

const byteCountOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, piece) => sum + piece.length, 0);
const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const uint32 = (value: number): Uint8Array => bytesOf(Uint32Array.of(value));
