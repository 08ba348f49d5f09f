import { type Data, type DataType, makeData, Precision, TimeUnit, Type } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { isDateInMilliseconds, microsecondsPerUnit } from './postgres-column.ts';

/** Collects the values of one column, row by row in order, and gives them away as Arrow. */
export interface ColumnBuilder {
  add(row: number, bytes: Uint8Array, view: DataView, start: number, byteCount: number): void;
  addNull(row: number): void;
  /** The first `rowCount` rows; the builder then starts again at row 0 with memory of its own. */
  take(rowCount: number): Data;
}

/** The values of one column as buffers of the Arrow format. */
interface ValueBuffers {
  put(row: number, bytes: Uint8Array, view: DataView, start: number, byteCount: number): void;
  /** Keeps offsets right where there is no value. */
  skip?(row: number): void;
  take(rowCount: number): { data: unknown; valueOffsets?: unknown };
}

const DAYS_1970_TO_2000 = 10_957;
const MICROSECONDS_1970_TO_2000 = 946_684_800_000_000;
const MILLISECONDS_PER_DAY = 86_400_000;
const TWO_32 = 2 ** 32;
/** Above this the high word times 2^32 plus an offset of less than 2^50 is no longer an exact double. */
const EXACT_HIGH_WORD_MAX = 2 ** 20;
/** Sign field of a negative number in PostgreSQL's binary numeric (`utils/adt/numeric.c`). */
const NUMERIC_NEGATIVE = 0x4000;
/** Up to here a loop is quicker than a call of `set`. */
const SHORT_TEXT_BYTES = 24;
/** First size of a buffer for texts; it doubles as needed. */
const TEXT_BYTES_FIRST = 64 * 1024;

/** A builder for at most `rowsMax` rows between two takes. */
export function createColumnBuilder(type: DataType, rowsMax: number): ColumnBuilder {
  const values = createValueBuffers(type, rowsMax);
  const bitmapBytes = (rowsMax + 7) >> 3;
  let validity = new Uint8Array(bitmapBytes);
  let nullCount = 0;
  return {
    add(row, bytes, view, start, byteCount) {
      validity[row >> 3]! |= 1 << (row & 7);
      values.put(row, bytes, view, start, byteCount);
    },
    addNull(row) {
      nullCount++;
      values.skip?.(row);
    },
    take(rowCount) {
      if (type.typeId === Type.Null) return makeData({ type: type as never, length: rowCount });
      const data = makeData({
        type,
        length: rowCount,
        nullCount,
        ...(nullCount > 0 ? { nullBitmap: validity } : {}),
        ...values.take(rowCount),
      } as never) as Data;
      validity = new Uint8Array(bitmapBytes);
      nullCount = 0;
      return data;
    },
  };
}

function createValueBuffers(type: DataType, rowsMax: number): ValueBuffers {
  switch (type.typeId) {
    case Type.Null:
      return { put() {}, take: () => ({ data: undefined }) };
    case Type.Bool:
      return booleans(rowsMax);
    case Type.Int: {
      const { bitWidth, isSigned } = type as DataType & { bitWidth: number; isSigned: boolean };
      if (bitWidth < 64) return shortIntegers(type.ArrayType, rowsMax);
      if (isSigned) return wideIntegers(BigInt64Array, 2, rowsMax, putInt64);
      return wideIntegers(BigUint64Array, 2, rowsMax, integersFromNumeric(2, 0));
    }
    case Type.Duration:
      return wideIntegers(BigInt64Array, 2, rowsMax, putInt64);
    case Type.Float:
      return floats((type as DataType & { precision: Precision }).precision, rowsMax);
    case Type.Decimal: {
      const { bitWidth, scale } = type as DataType & { bitWidth: number; scale: number };
      return wideIntegers(Uint32Array, bitWidth / 32, rowsMax, integersFromNumeric(bitWidth / 32, scale));
    }
    case Type.Utf8:
    case Type.Binary:
      return texts(rowsMax, (rowCount) => new Int32Array(rowCount));
    case Type.LargeUtf8:
    case Type.LargeBinary:
      return texts(rowsMax, (rowCount) => new BigInt64Array(rowCount));
    case Type.FixedSizeBinary:
      return fixedBytes((type as DataType & { byteWidth: number }).byteWidth, rowsMax);
    case Type.Date:
      return isDateInMilliseconds(type)
        ? wideIntegers(BigInt64Array, 2, rowsMax, putDays64)
        : wideIntegers(Int32Array, 1, rowsMax, putDays32);
    case Type.Time:
      return times(type as DataType & { unit: TimeUnit; bitWidth: number }, rowsMax);
    case Type.Timestamp:
      return timestamps((type as DataType & { unit: TimeUnit }).unit, rowsMax);
    default:
      throw new GranaryError('INTERNAL', `A column of type ${type} cannot be read from PostgreSQL.`);
  }
}

function booleans(rowsMax: number): ValueBuffers {
  let data = new Uint8Array((rowsMax + 7) >> 3);
  return {
    put(row, bytes, _view, start) {
      if (bytes[start] !== 0) data[row >> 3]! |= 1 << (row & 7);
    },
    take() {
      const taken = data;
      data = new Uint8Array((rowsMax + 7) >> 3);
      return { data: taken };
    },
  };
}

/** Whole numbers of 32 bits and less, which PostgreSQL keeps in the same width or the next one up. */
function shortIntegers(arrayType: new (length: number) => Int32Array<ArrayBuffer>, rowsMax: number): ValueBuffers {
  let values = new arrayType(rowsMax);
  return {
    put(row, _bytes, view, start, byteCount) {
      if (byteCount === 4) values[row] = view.getInt32(start);
      else if (byteCount === 2) values[row] = view.getInt16(start);
      else values[row] = view.getUint32(start + 4);
    },
    take(rowCount) {
      const data = values.subarray(0, rowCount);
      values = new arrayType(rowsMax);
      return { data };
    },
  };
}

/**
 * Values of one or more 32-bit words each, least significant first, as Arrow lays out 64-bit integers and decimals. The
 * words are written rather than 64-bit elements because that makes no BigInt for each value.
 */
function wideIntegers(
  arrayType: new (buffer: ArrayBuffer) => unknown,
  wordsPerRow: number,
  rowsMax: number,
  put: (words: Int32Array, at: number, view: DataView, start: number) => void,
): ValueBuffers {
  let words = new Int32Array(rowsMax * wordsPerRow);
  return {
    put: (row, _bytes, view, start) => put(words, row * wordsPerRow, view, start),
    take(rowCount) {
      const data = new arrayType(words.buffer.slice(0, rowCount * wordsPerRow * 4));
      words = new Int32Array(rowsMax * wordsPerRow);
      return { data };
    },
  };
}

const putInt64 = (words: Int32Array, at: number, view: DataView, start: number): void => {
  words[at] = view.getInt32(start + 4);
  words[at + 1] = view.getInt32(start);
};

/** `value` is a whole number between -2^63 and 2^63 that a double holds exactly. */
const putWhole = (words: Int32Array, at: number, value: number): void => {
  const high = Math.floor(value / TWO_32);
  words[at] = value - high * TWO_32;
  words[at + 1] = high;
};

function integersFromNumeric(wordsPerRow: number, scale: number) {
  return (words: Int32Array, at: number, view: DataView, start: number): void => {
    const digitCount = view.getInt16(start);
    const isNegative = view.getUint16(start + 4) === NUMERIC_NEGATIVE;
    const exponent = 4 * (view.getInt16(start + 2) - digitCount + 1) + scale;
    if (digitCount <= 3 && exponent <= 3) {
      let value = 0;
      for (let i = 0; i < digitCount; i++) value = value * 10_000 + view.getUint16(start + 8 + 2 * i);
      value = exponent < 0 ? value / 10 ** -exponent : value * 10 ** exponent;
      putWhole(words, at, isNegative ? -value : value);
      words.fill(isNegative && value !== 0 ? -1 : 0, at + 2, at + wordsPerRow);
      return;
    }
    let value = 0n;
    for (let i = 0; i < digitCount; i++) value = value * 10_000n + BigInt(view.getUint16(start + 8 + 2 * i));
    value = exponent < 0 ? value / 10n ** BigInt(-exponent) : value * 10n ** BigInt(exponent);
    if (isNegative) value = -value;
    for (let i = 0; i < wordsPerRow; i++) words[at + i] = Number(BigInt.asIntN(32, value >> BigInt(32 * i)));
  };
}

function floats(precision: Precision, rowsMax: number): ValueBuffers {
  if (precision === Precision.DOUBLE) {
    return wideIntegers(Float64Array, 2, rowsMax, putInt64);
  }
  if (precision === Precision.SINGLE) {
    return wideIntegers(Float32Array, 1, rowsMax, (words, at, view, start) => {
      words[at] = view.getInt32(start);
    });
  }
  let values = new Float16Array(rowsMax);
  return {
    put(row, _bytes, view, start) {
      values[row] = view.getFloat32(start);
    },
    take(rowCount) {
      const data = new Uint16Array(values.buffer, 0, rowCount);
      values = new Float16Array(rowsMax);
      return { data };
    },
  };
}

function texts(rowsMax: number, createOffsets: (count: number) => Int32Array | BigInt64Array): ValueBuffers {
  let ends = new Float64Array(rowsMax);
  let data = new Uint8Array(TEXT_BYTES_FIRST);
  let length = 0;
  return {
    put(row, bytes, _view, start, byteCount) {
      if (length + byteCount > data.length) {
        const grown = new Uint8Array(Math.max(2 * data.length, length + byteCount));
        grown.set(data.subarray(0, length));
        data = grown;
      }
      if (byteCount <= SHORT_TEXT_BYTES) {
        for (let i = 0; i < byteCount; i++) data[length + i] = bytes[start + i]!;
      } else {
        data.set(bytes.subarray(start, start + byteCount), length);
      }
      length += byteCount;
      ends[row] = length;
    },
    skip(row) {
      ends[row] = length;
    },
    take(rowCount) {
      const valueOffsets = createOffsets(rowCount + 1);
      if (valueOffsets instanceof Int32Array) valueOffsets.set(ends.subarray(0, rowCount), 1);
      else for (let row = 0; row < rowCount; row++) valueOffsets[row + 1] = BigInt(ends[row]!);
      const taken = data.subarray(0, length);
      ends = new Float64Array(rowsMax);
      data = new Uint8Array(Math.max(TEXT_BYTES_FIRST, length));
      length = 0;
      return { data: taken, valueOffsets };
    },
  };
}

function fixedBytes(byteWidth: number, rowsMax: number): ValueBuffers {
  let data = new Uint8Array(rowsMax * byteWidth);
  return {
    put(row, bytes, _view, start) {
      data.set(bytes.subarray(start, start + byteWidth), row * byteWidth);
    },
    take(rowCount) {
      const taken = data.subarray(0, rowCount * byteWidth);
      data = new Uint8Array(rowsMax * byteWidth);
      return { data: taken };
    },
  };
}

/** PostgreSQL counts days and microseconds from 2000-01-01. */
const putDays32 = (words: Int32Array, at: number, view: DataView, start: number): void => {
  words[at] = view.getInt32(start) + DAYS_1970_TO_2000;
};

const putDays64 = (words: Int32Array, at: number, view: DataView, start: number): void =>
  putWhole(words, at, (view.getInt32(start) + DAYS_1970_TO_2000) * MILLISECONDS_PER_DAY);

function times(type: DataType & { unit: TimeUnit; bitWidth: number }, rowsMax: number): ValueBuffers {
  if (type.unit === TimeUnit.NANOSECOND) return wideIntegers(BigInt64Array, 2, rowsMax, putInt64);
  const factor = microsecondsPerUnit(type.unit);
  const read = (view: DataView, start: number) => (TWO_32 * view.getInt32(start) + view.getUint32(start + 4)) / factor;
  if (type.bitWidth === 64) {
    return wideIntegers(BigInt64Array, 2, rowsMax, (words, at, view, start) => putWhole(words, at, read(view, start)));
  }
  return wideIntegers(Int32Array, 1, rowsMax, (words, at, view, start) => {
    words[at] = read(view, start);
  });
}

function timestamps(unit: TimeUnit, rowsMax: number): ValueBuffers {
  if (unit === TimeUnit.NANOSECOND) return wideIntegers(BigInt64Array, 2, rowsMax, putInt64);
  const factor = microsecondsPerUnit(unit);
  return wideIntegers(BigInt64Array, 2, rowsMax, (words, at, view, start) => {
    const high = view.getInt32(start);
    if (Math.abs(high) < EXACT_HIGH_WORD_MAX) {
      const microseconds = TWO_32 * high + view.getUint32(start + 4) + MICROSECONDS_1970_TO_2000;
      putWhole(words, at, microseconds / factor);
    } else {
      const value = (view.getBigInt64(start) + BigInt(MICROSECONDS_1970_TO_2000)) / BigInt(factor);
      words[at] = Number(BigInt.asIntN(32, value));
      words[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
    }
  });
}
