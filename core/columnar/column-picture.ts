import { type Data, DataType, Vector } from 'apache-arrow';
import { encodeLuma } from './av1/luma.ts';
import { isNumber } from './column-values.ts';

/** Cells on a side of a picture; a block of AV1 is as large. */
export const PICTURE_SIDE = 64;
const CELLS = PICTURE_SIDE * PICTURE_SIDE;

/** Levels of values; with null these are the eight colours of a palette. */
export const PICTURE_LEVELS = 7;
/** Fewer levels make a smaller picture, for chunks that cannot carry more. */
const LEVELS_TRIED = [PICTURE_LEVELS, 4, 2];

/** A picture may cost this part of its chunk's bytes, so that it never matters to the size of a table. */
export const PICTURE_BYTES_PART = 1 / 256;

/** No picture with anything to see is smaller. */
const PICTURE_BYTES_MIN = 64;

/** Null is black, and values start well above it: players show the shades 16 to 235 as black to white. */
const NULL_SHADE = 16;
const LEAST_SHADE = 75;
const GREATEST_SHADE = 235;

/** Beyond these parts of the sampled values the levels do not tell apart: one outlier must not flatten the others. */
const CLIPPED_PART = 0.01;

/** Bytes of a text that tell it from others, after those that all have in common: as many as a number holds. */
const TEXT_KEY_BYTES = 6;

/**
 * A column of a row group as 64 x 64 cells that a person can read: rows flow as text does, each cell is one row (every
 * n-th when there are more), and the number of a cell follows the order of values from 1, the least, to `levels`. 0 is
 * null, and NaN. Nested values have no order: all are alike. Undefined without rows.
 */
export function columnPicture(data: Data, levels = PICTURE_LEVELS): Uint8Array | undefined {
  if (data.length === 0) return undefined;
  const rows = new Uint32Array(CELLS);
  for (let cell = 0; cell < CELLS; cell++) rows[cell] = Math.floor((cell * data.length) / CELLS);
  const keys = keysOf(data, rows);
  const { low, high } = spanOf(keys);
  const cells = new Uint8Array(CELLS);
  for (let cell = 0; cell < CELLS; cell++) {
    const key = keys[cell]!;
    if (Number.isNaN(key)) continue;
    const place = high > low ? (key - low) / (high - low) : 0.5;
    cells[cell] = 1 + Math.min(Math.max(Math.floor(place * levels), 0), levels - 1);
  }
  return cells;
}

/** Between which keys the levels lie, from every fourth cell: enough to clip by, and sorted in no time. */
function spanOf(keys: Float64Array): { low: number; high: number } {
  const sample = new Float64Array(CELLS / 4);
  let count = 0;
  for (let cell = 0; cell < CELLS; cell += 4) if (!Number.isNaN(keys[cell]!)) sample[count++] = keys[cell]!;
  const known = sample.subarray(0, count).sort();
  const clipped = Math.floor(count * CLIPPED_PART);
  return { low: known[clipped] ?? 0, high: known[count - 1 - clipped] ?? 0 };
}

/**
 * The picture as a temporal unit of its own, for players; undefined when it would cost more than
 * {@link PICTURE_BYTES_PART} of the chunk.
 */
export function pictureUnit(data: Data, chunkByteCount: number): Uint8Array | undefined {
  const byteCountMax = Math.floor(chunkByteCount * PICTURE_BYTES_PART);
  if (byteCountMax < PICTURE_BYTES_MIN) return undefined;
  for (const levels of LEVELS_TRIED) {
    const cells = columnPicture(data, levels);
    if (!cells) return undefined;
    const pixels = cells.map((cell) => shadeOf(cell, levels));
    const unit = encodeLuma({ width: PICTURE_SIDE, height: PICTURE_SIDE, pixels });
    if (unit.length <= byteCountMax) return unit;
  }
  return undefined;
}

const shadeOf = (cell: number, levels: number): number =>
  cell === 0 ? NULL_SHADE : Math.round(LEAST_SHADE + ((cell - 1) * (GREATEST_SHADE - LEAST_SHADE)) / (levels - 1));

/** Numbers in the order of the values; NaN for null. */
function keysOf(data: Data, rows: Uint32Array): Float64Array {
  const type = data.type as DataType;
  if (DataType.isDictionary(type)) {
    const entries = data.dictionary?.data[0];
    const codes = data.values as Int32Array;
    const entryKeys = entries
      ? keysOf(
          entries,
          rows.map((row) => (isNull(data, row) ? 0 : Number(codes[row]))),
        )
      : undefined;
    return Float64Array.from(rows, (row, i) => (isNull(data, row) ? Number.NaN : (entryKeys?.[i] ?? 0)));
  }
  const textKeyOf = textKeys(type, data, rows);
  const keyOf = textKeyOf ?? numberKeys(type, data);
  const keys = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) keys[i] = isNull(data, rows[i]!) ? Number.NaN : keyOf(rows[i]!);
  return textKeyOf ? ranksOf(keys) : keys;
}

/** The place of each key among the different ones: between texts there are no distances. */
function ranksOf(keys: Float64Array): Float64Array {
  const distinct = [...new Set(keys.filter((key) => !Number.isNaN(key)).sort())];
  const ranks = new Map(distinct.map((key, rank) => [key, rank]));
  return keys.map((key) => ranks.get(key) ?? Number.NaN);
}

function isNull(data: Data, row: number): boolean {
  if (DataType.isNull(data.type)) return true;
  if (DataType.isUnion(data.type) || data.nullCount === 0) return false;
  const at = data.offset + row;
  return (data.nullBitmap[at >> 3]! & (1 << (at & 7))) === 0;
}

function numberKeys(type: DataType, data: Data): (row: number) => number {
  const values = data.values as Int32Array;
  if (DataType.isBool(type)) return (row) => (values[(data.offset + row) >> 3]! >> ((data.offset + row) & 7)) & 1;
  if (DataType.isFloat(type) && type.precision === 0) {
    const halves = new Vector([data]);
    return (row) => Number(halves.get(row));
  }
  if (DataType.isDecimal(type)) {
    const stride = type.bitWidth / 32;
    return (row) => {
      let value = values[row * stride + stride - 1]! | 0;
      for (let i = stride - 2; i >= 0; i--) value = value * 2 ** 32 + (values[row * stride + i]! >>> 0);
      return value;
    };
  }
  return isNumber(type) ? (row) => Number(values[row]) : () => 0;
}

/** Keys of texts and bytes; undefined for other types. */
function textKeys(type: DataType, data: Data, rows: Uint32Array): ((row: number) => number) | undefined {
  const isText =
    DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isBinary(type) || DataType.isLargeBinary(type);
  if (!isText && !DataType.isFixedSizeBinary(type)) return undefined;
  const bytes = data.values as Uint8Array;
  const textOf = (row: number): Uint8Array =>
    DataType.isFixedSizeBinary(type)
      ? bytes.subarray(row * type.byteWidth, (row + 1) * type.byteWidth)
      : bytes.subarray(Number(data.valueOffsets![row]), Number(data.valueOffsets![row + 1]));
  const prefix = commonPrefix(
    Array.from(
      rows.filter((row) => !isNull(data, row)),
      textOf,
    ),
  );
  return (row) => {
    const text = textOf(row);
    let key = 0;
    for (let i = 0; i < TEXT_KEY_BYTES; i++) key = key * 256 + (text[prefix + i] ?? 0);
    return key;
  };
}

/** How many bytes all texts start with alike. */
function commonPrefix([first, ...others]: readonly Uint8Array[]): number {
  let length = first?.length ?? 0;
  for (const other of others) {
    length = Math.min(length, other.length);
    for (let i = 0; i < length; i++) if (other[i] !== first![i]) length = i;
  }
  return length;
}
