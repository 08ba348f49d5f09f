import { isUtf8 } from 'node:buffer';
import { type Data, type DataType, type RecordBatch, TimeUnit, Type } from 'apache-arrow';
import {
  DATE_END_JULIAN_DAY,
  EPOCH_JULIAN_DAY,
  isDateInMilliseconds,
  microsecondsPerUnit,
  TIMESTAMP_END_JULIAN_DAY,
} from './postgres-column.ts';
import { readableValue } from './readable-value.ts';
import { decimalText, readInteger } from './decimal-value.ts';

/**
 * Rows of Arrow as COPY's text format (PostgreSQL manual, COPY, "Text Format"): one line a row, fields parted by tabs,
 * `\N` for null. What PostgreSQL cannot hold is written as null and reported:
 *
 * - text with U+0000 or bytes that are not UTF-8; a value longer than {@link POSTGRES_VALUE_BYTES_MAX};
 * - a NaN with another payload than the canonical one;
 * - dates, times and timestamps outside PostgreSQL's ranges, and dates in milliseconds that are not whole days;
 * - decimals with more digits than their type says.
 */

/** PostgreSQL builds a whole row in memory, up to 1 GB, and PGlite far less: larger values stay in the journal alone. */
export const POSTGRES_VALUE_BYTES_MAX = 2 ** 20;

const MICROSECONDS_PER_DAY = 86_400_000_000;
const MILLISECONDS_PER_DAY = 86_400_000;
const CANONICAL_NAN_HIGH_WORD = 0x7ff8_0000;
const CANONICAL_NAN_SINGLE = 0x7fc0_0000;
const CANONICAL_NAN_HALF = 0x7e00;

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BACKSLASH = 0x5c;
const DIGIT_ZERO = 0x30;
const MINUS = 0x2d;
const HEX_DIGITS = new TextEncoder().encode('0123456789abcdef');

/** A growing run of bytes. */
interface Sink {
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
}

const reserve = (sink: Sink, byteCount: number): void => {
  if (sink.length + byteCount <= sink.bytes.length) return;
  const grown = new Uint8Array(Math.max(2 * sink.bytes.length, sink.length + byteCount));
  grown.set(sink.bytes.subarray(0, sink.length));
  sink.bytes = grown;
};

const putAscii = (sink: Sink, text: string): void => {
  reserve(sink, text.length);
  for (let i = 0; i < text.length; i++) sink.bytes[sink.length++] = text.charCodeAt(i);
};

/** `value` is a whole number of at most 2^53 either way. */
const putInteger = (sink: Sink, value: number): void => {
  reserve(sink, 17);
  const { bytes } = sink;
  let rest = value;
  if (rest < 0) {
    bytes[sink.length++] = MINUS;
    rest = -rest;
  }
  let end = sink.length + 1;
  for (let limit = 10; rest >= limit; limit *= 10) end++;
  sink.length = end;
  while (rest > 0x7fff_ffff) {
    const tens = Math.floor(rest / 10);
    bytes[--end] = DIGIT_ZERO + (rest - 10 * tens);
    rest = tens;
  }
  let small = rest | 0;
  do {
    const tens = (small / 10) | 0;
    bytes[--end] = DIGIT_ZERO + (small - 10 * tens);
    small = tens;
  } while (small > 0);
};

const putDigits = (sink: Sink, value: number, digits: number): void => {
  reserve(sink, digits);
  let rest = value;
  for (let at = sink.length + digits - 1; at >= sink.length; at--) {
    sink.bytes[at] = DIGIT_ZERO + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  sink.length += digits;
};

const putTimeOfDay = (sink: Sink, microseconds: number): void => {
  const seconds = Math.floor(microseconds / 1_000_000);
  putDigits(sink, Math.floor(seconds / 3600), 2);
  putAscii(sink, ':');
  putDigits(sink, Math.floor(seconds / 60) % 60, 2);
  putAscii(sink, ':');
  putDigits(sink, seconds % 60, 2);
  const fraction = microseconds - seconds * 1_000_000;
  if (fraction === 0) return;
  putAscii(sink, '.');
  putDigits(sink, fraction, 6);
};

const putEscaped = (sink: Sink, source: Uint8Array, start: number, end: number): void => {
  reserve(sink, 2 * (end - start));
  const { bytes } = sink;
  let at = sink.length;
  for (let i = start; i < end; i++) {
    const byte = source[i]!;
    if (byte === TAB || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === BACKSLASH) {
      bytes[at++] = BACKSLASH;
      bytes[at++] = byte === TAB ? 0x74 : byte === LINE_FEED ? 0x6e : byte === CARRIAGE_RETURN ? 0x72 : BACKSLASH;
    } else {
      bytes[at++] = byte;
    }
  }
  sink.length = at;
};

const putHex = (sink: Sink, source: Uint8Array, start: number, end: number): void => {
  putAscii(sink, '\\\\x');
  reserve(sink, 2 * (end - start));
  for (let i = start; i < end; i++) {
    sink.bytes[sink.length++] = HEX_DIGITS[source[i]! >> 4]!;
    sink.bytes[sink.length++] = HEX_DIGITS[source[i]! & 15]!;
  }
};

/** Writes the value of one row and says whether PostgreSQL can hold it; a value it cannot is not written. */
type PutValue = (sink: Sink, row: number) => boolean;

/** Appends the rows of `batch` as lines, each starting with its number from `firstRow` on. */
export function encodeCopyText(
  batch: RecordBatch,
  firstRow: number,
  /** Columns are added here, by index, in which a value could not be held. */
  inexactColumns: Set<number>,
): Uint8Array<ArrayBuffer> {
  const columns = batch.data.children.map((data) => ({ data, put: putterOf(data) }));
  const sink: Sink = { bytes: new Uint8Array(64 + batch.numRows * (8 + 12 * columns.length)), length: 0 };
  for (let row = 0; row < batch.numRows; row++) {
    putInteger(sink, firstRow + row);
    for (let i = 0; i < columns.length; i++) {
      const { data, put } = columns[i]!;
      reserve(sink, 3);
      sink.bytes[sink.length++] = TAB;
      if (data.getValid(row)) {
        if (put(sink, row)) continue;
        inexactColumns.add(i);
      }
      putAscii(sink, '\\N');
    }
    reserve(sink, 1);
    sink.bytes[sink.length++] = LINE_FEED;
  }
  return sink.bytes.subarray(0, sink.length);
}

function putterOf(data: Data): PutValue {
  const type: DataType = data.type;
  switch (type.typeId) {
    case Type.Null:
      return () => false;
    case Type.Bool:
      return (sink, row) => {
        const bit = data.offset + row;
        putAscii(sink, (data.values[bit >> 3] >> (bit & 7)) & 1 ? 't' : 'f');
        return true;
      };
    case Type.Int:
    case Type.Duration:
      return putterOfIntegers(data.values);
    case Type.Float:
      return putterOfFloats(data.values);
    case Type.Decimal:
      return putterOfDecimals(data);
    case Type.Utf8:
    case Type.LargeUtf8:
      return putterOfText(data);
    case Type.Binary:
    case Type.LargeBinary:
    case Type.FixedSizeBinary:
      return putterOfBytes(data);
    case Type.Date:
      return isDateInMilliseconds(type) ? putterOfDates64(data.values) : putterOfDates32(data.values);
    case Type.Time: {
      const { unit } = type as DataType & { unit: TimeUnit };
      return unit === TimeUnit.NANOSECOND ? putterOfIntegers(data.values) : putterOfTimes(data.values, unit);
    }
    case Type.Timestamp: {
      const { unit, timezone } = type as DataType & { unit: TimeUnit; timezone?: string | null };
      if (unit === TimeUnit.NANOSECOND) return putterOfIntegers(data.values);
      return putterOfTimestamps(data.values, unit, timezone ? '+00' : '');
    }
    default:
      return putterOfJson(data);
  }
}

type Integers = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

function putterOfIntegers(values: Integers | BigInt64Array | BigUint64Array): PutValue {
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    return (sink, row) => {
      const value = values[row]!;
      const short = Number(value);
      if (Number.isSafeInteger(short)) putInteger(sink, short);
      else putAscii(sink, value.toString());
      return true;
    };
  }
  return (sink, row) => {
    putInteger(sink, values[row]!);
    return true;
  };
}

function putterOfFloats(stored: Float64Array | Float32Array | Uint16Array): PutValue {
  const isCanonicalNan = canonicalNanTest(stored);
  const values =
    stored instanceof Uint16Array ? new Float16Array(stored.buffer, stored.byteOffset, stored.length) : stored;
  return (sink, row) => {
    const value = values[row]!;
    if (Number.isNaN(value)) {
      if (!isCanonicalNan(row)) return false;
      putAscii(sink, 'NaN');
    } else if (Number.isInteger(value) && Math.abs(value) < 1e15) {
      if (Object.is(value, -0)) putAscii(sink, '-0');
      else putInteger(sink, value);
    } else {
      putAscii(sink, String(value));
    }
    return true;
  };
}

function canonicalNanTest(values: Float64Array | Float32Array | Uint16Array): (row: number) => boolean {
  if (values instanceof Uint16Array) return (row) => values[row] === CANONICAL_NAN_HALF;
  const words = new Uint32Array(values.buffer, values.byteOffset, values.byteLength / 4);
  if (values instanceof Float32Array) return (row) => words[row] === CANONICAL_NAN_SINGLE;
  return (row) => words[2 * row] === 0 && words[2 * row + 1] === CANONICAL_NAN_HIGH_WORD;
}

function putterOfDecimals(data: Data): PutValue {
  const { precision, scale } = data.type as DataType & { precision: number; scale: number };
  const words = data.values as Uint32Array;
  const wordCount = data.stride;
  const limit = 10n ** BigInt(precision);
  return (sink, row) => {
    const unscaled = readInteger(words, row * wordCount, wordCount);
    if (unscaled >= limit || unscaled <= -limit) return false;
    putAscii(sink, decimalText(unscaled, scale));
    return true;
  };
}

function putterOfText(data: Data): PutValue {
  const { valueOffsets, values } = data as Data & { values: Uint8Array };
  const start = Number(valueOffsets[0]);
  const end = Number(valueOffsets[data.length]);
  const all = values.subarray(start, end);
  const isClean = isUtf8(all) && !all.includes(0) && startsAreCharacters(data);
  return (sink, row) => {
    const from = Number(valueOffsets[row]);
    const to = Number(valueOffsets[row + 1]);
    if (to - from > POSTGRES_VALUE_BYTES_MAX) return false;
    if (!isClean) {
      const value = values.subarray(from, to);
      if (value.includes(0) || !isUtf8(value)) return false;
    }
    putEscaped(sink, values, from, to);
    return true;
  };
}

/** False when a value starts in the middle of a character: then the whole can be UTF-8 while single values are not. */
function startsAreCharacters(data: Data): boolean {
  const { valueOffsets, values } = data;
  for (let row = 1; row < data.length; row++) {
    if ((values[Number(valueOffsets[row])] & 0xc0) === 0x80) return false;
  }
  return true;
}

function putterOfBytes(data: Data): PutValue {
  const { valueOffsets, values, stride } = data;
  const isFixed = data.type.typeId === Type.FixedSizeBinary;
  return (sink, row) => {
    const from = isFixed ? row * stride : Number(valueOffsets[row]);
    const to = isFixed ? from + stride : Number(valueOffsets[row + 1]);
    if (to - from > POSTGRES_VALUE_BYTES_MAX) return false;
    putHex(sink, values, from, to);
    return true;
  };
}

/** `julianDay` may be any whole number; false when PostgreSQL has no such date. */
const putDate = (sink: Sink, julianDay: number, endJulianDay: number): boolean => {
  if (julianDay < 0 || julianDay >= endJulianDay) return false;
  putAscii(sink, 'J');
  putInteger(sink, julianDay);
  return true;
};

const putterOfDates32 =
  (days: Int32Array): PutValue =>
  (sink, row) =>
    putDate(sink, days[row]! + EPOCH_JULIAN_DAY, DATE_END_JULIAN_DAY);

const putterOfDates64 =
  (milliseconds: BigInt64Array): PutValue =>
  (sink, row) => {
    const days = Number(milliseconds[row]!) / MILLISECONDS_PER_DAY;
    return Number.isInteger(days) && putDate(sink, days + EPOCH_JULIAN_DAY, DATE_END_JULIAN_DAY);
  };

function putterOfTimes(values: Int32Array | BigInt64Array, unit: TimeUnit): PutValue {
  const factor = microsecondsPerUnit(unit);
  return (sink, row) => {
    const microseconds = Number(values[row]!) * factor;
    if (microseconds < 0 || microseconds > MICROSECONDS_PER_DAY) return false;
    putTimeOfDay(sink, microseconds);
    return true;
  };
}

function putterOfTimestamps(values: BigInt64Array, unit: TimeUnit, suffix: string): PutValue {
  const factor = microsecondsPerUnit(unit);
  const unitsPerDay = MICROSECONDS_PER_DAY / factor;
  return (sink, row) => {
    const { days, rest } = splitDays(values[row]!, unitsPerDay);
    if (!putDate(sink, days + EPOCH_JULIAN_DAY, TIMESTAMP_END_JULIAN_DAY)) return false;
    putAscii(sink, ' ');
    putTimeOfDay(sink, rest * factor);
    putAscii(sink, suffix);
    return true;
  };
}

/** Floor division: `value = days * unitsPerDay + rest`. */
function splitDays(value: bigint, unitsPerDay: number): { days: number; rest: number } {
  const short = Number(value);
  if (Number.isSafeInteger(short)) {
    const remainder = short % unitsPerDay;
    const rest = remainder < 0 ? remainder + unitsPerDay : remainder;
    return { days: (short - rest) / unitsPerDay, rest };
  }
  const divisor = BigInt(unitsPerDay);
  const rest = ((value % divisor) + divisor) % divisor;
  return { days: Number((value - rest) / divisor), rest: Number(rest) };
}

function putterOfJson(data: Data): PutValue {
  const encoder = new TextEncoder();
  return (sink, row) => {
    // JSON escapes U+0000, which the text type would refuse.
    const text = encoder.encode(JSON.stringify(readableValue(data, row)));
    if (text.length > POSTGRES_VALUE_BYTES_MAX) return false;
    putEscaped(sink, text, 0, text.length);
    return true;
  };
}
