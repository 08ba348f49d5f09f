import { type Data, DataType, Type } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { isNested } from './arrow-json.ts';
import { copyBits, countBits } from './bitmap.ts';
import { wordsOf } from './int64.ts';
import { TEXT_BYTES_MAX } from './limits.ts';
import type { TextValues } from './text.ts';
import { bytesOf, viewAs } from './words.ts';

/**
 * The values of a column without its nulls, one after another.
 *
 * - `none`: nothing but nulls.
 * - `fixed`: `width` bytes a value as Arrow lays them out; booleans are one byte, 0 or 1.
 * - `text`: value i is `bytes[offsets[i] .. offsets[i + 1])`; `offsets[0]` is 0. Strings and binaries of any kind.
 * - `nested`: an Arrow array of all rows, nulls included.
 */
export type Values =
  | { readonly kind: 'none' }
  | { readonly kind: 'fixed'; readonly width: number; readonly bytes: Uint8Array }
  | TextValues
  | { readonly kind: 'nested'; readonly data: Data };

/** One column of one row group in the form that is stored: rows under nulls hold nothing. */
export interface ColumnValues {
  readonly rowCount: number;
  readonly nullCount: number;
  /** One bit a row, set for a value; absent when all rows or none are null. */
  readonly validity: Uint8Array | undefined;
  readonly values: Values;
}

/** True for types of which Arrow holds one number of JavaScript, or one BigInt, for each row. */
export const isNumber = (type: DataType): boolean =>
  DataType.isInt(type) ||
  DataType.isFloat(type) ||
  DataType.isDate(type) ||
  DataType.isTime(type) ||
  DataType.isTimestamp(type) ||
  DataType.isDuration(type);

/** Bytes of one value of a type of fixed width, with booleans as one byte; undefined for the other types. */
export function fixedWidth(type: DataType): number | undefined {
  if (DataType.isBool(type)) return 1;
  if (DataType.isInt(type) || DataType.isDecimal(type) || DataType.isTime(type)) return type.bitWidth / 8;
  if (DataType.isFloat(type)) return [2, 4, 8][type.precision];
  if (DataType.isDate(type)) return [4, 8][type.unit];
  if (DataType.isInterval(type)) return [4, 8, 16][type.unit];
  if (DataType.isTimestamp(type) || DataType.isDuration(type)) return 8;
  if (DataType.isFixedSizeBinary(type)) return type.byteWidth;
  return undefined;
}

export const isText = (type: DataType): boolean =>
  [Type.Utf8, Type.LargeUtf8, Type.Binary, Type.LargeBinary].includes(type.typeId);

/**
 * The column of an Arrow array of any offset. Shares memory with it where nothing has to move. Errors:
 * `LIMIT_EXCEEDED` for more than 2 GiB of text, `INPUT_INVALID` for offsets that point outside the values.
 */
export function columnValuesOf(data: Data): ColumnValues {
  const type = data.type as DataType;
  const rowCount = data.length;
  if (DataType.isNull(type)) return allNull(rowCount);
  if (isNested(type)) return { rowCount, nullCount: 0, validity: undefined, values: { kind: 'nested', data } };
  if (DataType.isDictionary(type)) return dictionaryColumn(data);
  const { validity, nullCount } = validityOf(data);
  if (rowCount > 0 && nullCount === rowCount) return allNull(rowCount);
  return { rowCount, nullCount, validity, values: valuesOf(data, type, validity, rowCount - nullCount) };
}

const allNull = (rowCount: number): ColumnValues => ({
  rowCount,
  nullCount: rowCount,
  validity: undefined,
  values: { kind: 'none' },
});

/** Validity from bit 0, and the nulls counted anew: a count that somebody else stored may be wrong. */
export function validityOf(data: Data): { validity: Uint8Array | undefined; nullCount: number } {
  const bitmap = data.nullBitmap as Uint8Array | undefined;
  if (!bitmap || bitmap.length === 0 || data.length === 0) return { validity: undefined, nullCount: 0 };
  const validity = copyBits(bitmap, data.offset, data.length);
  const nullCount = data.length - countBits(validity);
  return { validity: nullCount === 0 ? undefined : validity, nullCount };
}

function valuesOf(data: Data, type: DataType, validity: Uint8Array | undefined, count: number): Values {
  if (DataType.isBool(type)) return boolValues(data, validity, count);
  const width = fixedWidth(type);
  if (width === undefined) return textValues(data, validity, count);
  const bytes = bytesOf(data.values as Uint8Array).subarray(0, data.length * width);
  return { kind: 'fixed', width, bytes: validity ? compact(bytes, width, validity, count) : bytes };
}

function boolValues(data: Data, validity: Uint8Array | undefined, count: number): Values {
  const bits = data.values as Uint8Array;
  const bytes = new Uint8Array(count);
  for (let row = 0, at = 0; row < data.length; row++) {
    if (validity && !(validity[row >> 3]! & (1 << (row & 7)))) continue;
    const bit = data.offset + row;
    bytes[at++] = (bits[bit >> 3]! >> (bit & 7)) & 1;
  }
  return { kind: 'fixed', width: 1, bytes };
}

/** The values of the valid rows, moved together. */
function compact(bytes: Uint8Array, width: number, validity: Uint8Array, count: number): Uint8Array {
  const target = new Uint8Array(count * width);
  const { from, to, step } = elements(bytes, target, width);
  const rowCount = width === 0 ? 0 : bytes.length / width;
  for (let row = 0, at = 0; row < rowCount; row++) {
    if (!(validity[row >> 3]! & (1 << (row & 7)))) continue;
    for (let k = row * step; k < (row + 1) * step; k++) to[at++] = from[k]!;
  }
  return target;
}

/** The reverse of `compact`: the values spread over all rows, zero under nulls. */
export function expand(bytes: Uint8Array, width: number, validity: Uint8Array, rowCount: number): Uint8Array {
  const target = new Uint8Array(rowCount * width);
  const { from, to, step } = elements(bytes, target, width);
  for (let row = 0, at = 0; row < rowCount; row++) {
    if (!(validity[row >> 3]! & (1 << (row & 7)))) continue;
    for (let k = row * step; k < (row + 1) * step; k++) to[k] = from[at++]!;
  }
  return target;
}

/** Both as the widest whole words that fit the width. Never as floats: moving a NaN may change its payload. */
function elements(source: Uint8Array, target: Uint8Array, width: number) {
  if (width % 4 === 0) return { from: viewAs(source, Int32Array), to: viewAs(target, Int32Array), step: width / 4 };
  if (width % 2 === 0) return { from: viewAs(source, Int16Array), to: viewAs(target, Int16Array), step: width / 2 };
  return { from: source, to: target, step: width };
}

function textValues(data: Data, validity: Uint8Array | undefined, count: number): TextValues {
  const source = data.valueOffsets as Int32Array | BigInt64Array | undefined;
  const bytes = (data.values as Uint8Array | undefined) ?? new Uint8Array(0);
  if (!source || data.length === 0) return { kind: 'text', offsets: new Int32Array(1), bytes: bytes.subarray(0, 0) };
  const all = smallOffsets(source, data.length, bytes.length);
  const begin = all[0]!;
  const end = all[data.length]!;
  if (!validity) {
    const offsets = begin === 0 ? all : all.map((offset) => offset - begin);
    return { kind: 'text', offsets, bytes: bytes.subarray(begin, end) };
  }
  const offsets = new Int32Array(count + 1);
  let total = 0;
  for (let row = 0, at = 0; row < data.length; row++) {
    if (!(validity[row >> 3]! & (1 << (row & 7)))) continue;
    total += all[row + 1]! - all[row]!;
    offsets[++at] = total;
  }
  if (total === end - begin) return { kind: 'text', offsets, bytes: bytes.subarray(begin, end) };
  const moved = new Uint8Array(total);
  for (let row = 0, at = 0; row < data.length; row++) {
    if (!(validity[row >> 3]! & (1 << (row & 7)))) continue;
    moved.set(bytes.subarray(all[row]!, all[row + 1]!), offsets[at++]!);
  }
  return { kind: 'text', offsets, bytes: moved };
}

/** Offsets as 32-bit numbers, checked to rise and to stay inside the values. */
function smallOffsets(source: Int32Array | BigInt64Array, rowCount: number, byteCount: number): Int32Array {
  const offsets = source instanceof Int32Array ? source.subarray(0, rowCount + 1) : narrowOffsets(source, rowCount + 1);
  let rising = offsets[0]! >= 0;
  for (let row = 1; row <= rowCount; row++) if (!(offsets[row]! >= offsets[row - 1]!)) rising = false;
  if (!rising || offsets[rowCount]! > byteCount) {
    throw new GranaryError('INPUT_INVALID', 'The offsets of an Arrow text column point outside its values.');
  }
  return offsets;
}

function narrowOffsets(source: BigInt64Array, count: number): Int32Array {
  const words = wordsOf(source);
  const offsets = new Int32Array(count);
  let high = 0;
  for (let i = 0; i < count; i++) {
    offsets[i] = words[2 * i]!;
    high |= words[2 * i + 1]! | (words[2 * i]! & (TEXT_BYTES_MAX + 1));
  }
  if (high !== 0) {
    throw new GranaryError('LIMIT_EXCEEDED', `A row group holds more than ${TEXT_BYTES_MAX} bytes of text.`, {
      limit: TEXT_BYTES_MAX,
    });
  }
  return offsets;
}

/** A dictionary of texts as plain texts. A row is null when its index is, or when the entry it names is. */
function dictionaryColumn(data: Data): ColumnValues {
  const indices = data.values as Int8Array | Int16Array | Int32Array | BigInt64Array;
  const own = validityOf(data);
  const entries = (data.dictionary?.data ?? []).map((chunk) => ({ column: columnValuesOf(chunk), chunk }));
  const starts = new Int32Array(entries.length + 1);
  entries.forEach(({ chunk }, i) => (starts[i + 1] = starts[i]! + chunk.length));
  const entryCount = starts[entries.length]!;
  const entryStart = new Int32Array(entryCount).fill(-1);
  const entryEnd = new Int32Array(entryCount);
  const pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  entries.forEach(({ column, chunk }, i) => {
    if (column.values.kind !== 'text') return;
    const { offsets, bytes } = column.values;
    for (let row = 0, at = 0; row < chunk.length; row++) {
      if (column.validity && !(column.validity[row >> 3]! & (1 << (row & 7)))) continue;
      entryStart[starts[i]! + row] = pieceBytes + offsets[at]!;
      entryEnd[starts[i]! + row] = pieceBytes + offsets[++at]!;
    }
    pieces.push(bytes);
    pieceBytes += bytes.length;
  });
  return gather(data.length, indices, own.validity, entryStart, entryEnd, pieces, pieceBytes);
}

function gather(
  rowCount: number,
  indices: ArrayLike<number | bigint>,
  validity: Uint8Array | undefined,
  entryStart: Int32Array,
  entryEnd: Int32Array,
  pieces: readonly Uint8Array[],
  pieceBytes: number,
): ColumnValues {
  const source = new Uint8Array(pieceBytes);
  pieces.reduce((at, piece) => (source.set(piece, at), at + piece.length), 0);
  const rows = new Int32Array(rowCount);
  const valid = new Uint8Array((rowCount + 7) >> 3);
  let count = 0;
  let total = 0;
  for (let row = 0; row < rowCount; row++) {
    if (validity && !(validity[row >> 3]! & (1 << (row & 7)))) continue;
    const index = Number(indices[row]);
    const start = entryStart[index];
    if (start === undefined) throw new GranaryError('INPUT_INVALID', 'An index of an Arrow dictionary has no entry.');
    if (start < 0) continue;
    valid[row >> 3]! |= 1 << (row & 7);
    rows[count++] = index;
    total += entryEnd[index]! - start;
  }
  if (total > TEXT_BYTES_MAX) {
    throw new GranaryError('LIMIT_EXCEEDED', `A row group holds more than ${TEXT_BYTES_MAX} bytes of text.`, {
      limit: TEXT_BYTES_MAX,
    });
  }
  if (count === 0 && rowCount > 0) return allNull(rowCount);
  const offsets = new Int32Array(count + 1);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = entryEnd[rows[i]!]!;
    for (let from = entryStart[rows[i]!]!; from < end; from++) bytes[at++] = source[from]!;
    offsets[i + 1] = at;
  }
  const nullCount = rowCount - count;
  return {
    rowCount,
    nullCount,
    validity: nullCount === 0 ? undefined : valid,
    values: { kind: 'text', offsets, bytes },
  };
}
