import { type Data, DataType } from 'apache-arrow';
import type { StoredColumn } from './arrow-data.ts';
import { validityOf } from './column-values.ts';
import { compareTexts, type TextValues } from './text.ts';
import { estimateDistinct, estimateDistinctTexts } from './distinct.ts';
import { rangeOf, sumOf } from './int64.ts';
import { integersOf, isInteger, isUnsigned } from './integer-values.ts';
import { TEXT_BOUND_BYTES_MAX } from './limits.ts';
import { viewAs } from './words.ts';

/** A value as statistics carry it: JSON-safe, integers over 2^53 and decimals as decimal text. */
export type StatisticsValue = string | number | boolean | null;

/**
 * What is known of a chunk without decoding it. A bound that is absent is not known, and nothing may be concluded from
 * it.
 *
 * - Integers: numbers, as decimal text from 2^53. Dates, times, timestamps and durations: the integer in the unit of the
 *   column. Decimals: decimal text with the scale of the column. Booleans: booleans.
 * - Floats: absent when one of the values is NaN (engines order it differently) or the bound is infinite; -0 counts as 0.
 * - Text: lower and upper bound in byte order of UTF-8, which is the order of code points (not of UTF-16 units). Long
 *   ones are cut to `TEXT_BOUND_BYTES_MAX` bytes; a cut upper bound is raised so that it stays above every value, and is
 *   then not itself a value. Absent when the value is not UTF-8.
 * - Binary, intervals of several parts, and nested columns: absent.
 */
export interface ChunkStatistics {
  readonly min?: StatisticsValue;
  readonly max?: StatisticsValue;
  readonly nullCount: number;
  /** Exact for dictionaries, else within some per cent; never above the number of values. Absent for nested columns. */
  readonly distinctEstimate?: number;
  /** Exact for integers, decimals and booleans (the count of true), floating for floats when finite; else absent. */
  readonly sum?: number | string;
}

/** Statistics of a column in stored form. */
export function statisticsOf(type: DataType, column: StoredColumn): ChunkStatistics {
  const { values, nullCount } = column;
  if (column.rowCount === nullCount) return { nullCount, distinctEstimate: 0 };
  switch (values.kind) {
    case 'fixed':
      return { nullCount, ...fixedStatistics(type, values.bytes, values.width) };
    case 'text':
      return { nullCount, ...textBounds(type, values), distinctEstimate: estimateDistinctTexts(values) };
    case 'dictionary': {
      const count = values.entries.offsets.length - 1;
      return { nullCount, ...boundsFrom(type, values.entries, 0, count - 1), distinctEstimate: count };
    }
    case 'nested':
      // The stored form keeps these nulls among the values; whoever prunes by them wants to know of them all the same.
      return { nullCount: nestedNullCount(values.data) };
    default:
      return { nullCount };
  }
}

/** A union has no validity of its own: a row is null when its value in the child is. */
function nestedNullCount(data: Data): number {
  if (!DataType.isUnion(data.type)) return validityOf(data).nullCount;
  let count = 0;
  for (let row = 0; row < data.length; row++) if (!data.getValid(row)) count += 1;
  return count;
}

type Bounds = Omit<ChunkStatistics, 'nullCount'>;

function fixedStatistics(type: DataType, bytes: Uint8Array, width: number): Bounds {
  const distinctEstimate = estimateDistinct(bytes, width);
  if (DataType.isFloat(type)) return { ...floatStatistics(bytes, width), distinctEstimate };
  if (!isInteger(type)) return { distinctEstimate };
  const unsigned = isUnsigned(type);
  const integers = integersOf(bytes, width, unsigned);
  if (!integers) return { ...wideStatistics(type, bytes, width), distinctEstimate };
  const wrap = unsigned && width === 8;
  const { min, max } = rangeOf(integers, wrap);
  if (DataType.isBool(type)) {
    return { min: min === 1n, max: max === 1n, distinctEstimate, sum: Number(sumOf(integers)) };
  }
  const summed = DataType.isInt(type) || DataType.isDecimal(type);
  return {
    min: integerValue(type, min),
    max: integerValue(type, max),
    distinctEstimate,
    ...(summed ? { sum: integerValue(type, sumOf(integers, wrap)) } : {}),
  };
}

function integerValue(type: DataType, value: bigint): number | string {
  if (DataType.isDecimal(type)) return decimalText(value, type.scale);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value.toString();
}

/** `unscaled / 10^scale` in plain decimal notation. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return (unscaled * 10n ** BigInt(-scale)).toString();
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Decimals of more than 64 bits. */
function wideStatistics(type: DataType, bytes: Uint8Array, width: number): Bounds {
  const words = viewAs(bytes, BigInt64Array);
  const stride = width / 8;
  let min: bigint | undefined;
  let max: bigint | undefined;
  let sum = 0n;
  for (let at = 0; at < words.length; at += stride) {
    let value = words[at + stride - 1]!;
    for (let k = stride - 2; k >= 0; k--) value = (value << 64n) | BigInt.asUintN(64, words[at + k]!);
    if (min === undefined || value < min) min = value;
    if (max === undefined || value > max) max = value;
    sum += value;
  }
  if (min === undefined || max === undefined) return {};
  return { min: integerValue(type, min), max: integerValue(type, max), sum: integerValue(type, sum) };
}

const halfToNumber = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

function floatStatistics(bytes: Uint8Array, width: number): Bounds {
  const floats =
    width === 8
      ? viewAs(bytes, Float64Array)
      : width === 4
        ? viewAs(bytes, Float32Array)
        : Float64Array.from(viewAs(bytes, Uint16Array), halfToNumber);
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (let i = 0; i < floats.length; i++) {
    const value = floats[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  if (Number.isNaN(sum) && floats.some((value) => Number.isNaN(value))) return {};
  return {
    ...(Number.isFinite(min) ? { min: min + 0 } : {}),
    ...(Number.isFinite(max) ? { max: max + 0 } : {}),
    ...(Number.isFinite(sum) ? { sum: sum + 0 } : {}),
  };
}

function textBounds(type: DataType, text: TextValues): Bounds {
  let min = 0;
  let max = 0;
  for (let i = 1; i < text.offsets.length - 1; i++) {
    if (compareTexts(text, i, min) < 0) min = i;
    else if (compareTexts(text, i, max) > 0) max = i;
  }
  return boundsFrom(type, text, min, max);
}

function boundsFrom(type: DataType, text: TextValues, minIndex: number, maxIndex: number): Bounds {
  const valueType = (DataType.isDictionary(type) ? type.dictionary : type) as DataType;
  if (!DataType.isUtf8(valueType) && !DataType.isLargeUtf8(valueType)) return {};
  const bytesAt = (index: number) => text.bytes.subarray(text.offsets[index]!, text.offsets[index + 1]!);
  const min = cutText(bytesAt(minIndex));
  const max = cutText(bytesAt(maxIndex));
  const upper = max && (max.cut ? raiseText(max.text) : max.text);
  return { ...(min ? { min: min.text } : {}), ...(upper === undefined ? {} : { max: upper }) };
}

// A byte order mark at the start of a value is part of the value.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** At most `TEXT_BOUND_BYTES_MAX` bytes, cut between characters; undefined when they are not UTF-8. */
function cutText(bytes: Uint8Array): { text: string; cut: boolean } | undefined {
  let end = Math.min(bytes.length, TEXT_BOUND_BYTES_MAX);
  while (end < bytes.length && end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  try {
    return { text: decoder.decode(bytes.subarray(0, end)), cut: end < bytes.length };
  } catch {
    return undefined;
  }
}

/** The least text of the same length in code points that is above every text with this prefix; undefined if none is. */
function raiseText(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  for (let last = points.length - 1; last >= 0; last--) {
    const raised = points[last] === 0xd7ff ? 0xe000 : points[last]! + 1;
    if (raised <= 0x10ffff) return String.fromCodePoint(...points.slice(0, last), raised);
  }
  return undefined;
}
