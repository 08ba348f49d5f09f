import { type DataType, Precision } from 'apache-arrow';
import { asciiText, isExactAsFloat, newNumberShape, scanNumber, toFloat } from '../text/number-text.ts';
import { isBooleanText } from '../text/value-kind.ts';
import { bitmapLength, type ColumnBuilder, withValidity } from './column-builder.ts';

interface NumberArray extends ArrayBufferView {
  [index: number]: number;
  subarray(start: number, end: number): ArrayBufferView;
}

/** A column of numbers of up to 53 bits; `read` gives undefined for a text that does not fit. */
export function createNumberColumn(
  type: DataType,
  capacity: number,
  create: (length: number) => NumberArray,
  read: (bytes: Uint8Array, start: number, end: number) => number | undefined,
): ColumnBuilder {
  let values = create(capacity);
  return withValidity(type, capacity, {
    write(row, bytes, start, end) {
      const value = read(bytes, start, end);
      if (value === undefined) return false;
      values[row] = value;
      return true;
    },
    writeNull(row) {
      values[row] = 0;
    },
    take(rowCount) {
      const data = values.subarray(0, rowCount);
      values = create(capacity);
      return { data };
    },
  });
}

/** A column of 64 bit integers; most values take the way over two halves that needs no BigInt. */
export function createLongColumn(
  type: DataType,
  capacity: number,
  create: (length: number) => BigInt64Array | BigUint64Array,
  read: (bytes: Uint8Array, start: number, end: number) => number | bigint | undefined,
): ColumnBuilder {
  let values = create(capacity);
  let halves = new Int32Array(values.buffer);
  return withValidity(type, capacity, {
    write(row, bytes, start, end) {
      const value = read(bytes, start, end);
      if (value === undefined) return false;
      if (typeof value === 'bigint') values[row] = value;
      else {
        const high = Math.floor(value / 2 ** 32);
        halves[row * 2] = value - high * 2 ** 32;
        halves[row * 2 + 1] = high;
      }
      return true;
    },
    writeNull(row) {
      halves[row * 2] = 0;
      halves[row * 2 + 1] = 0;
    },
    take(rowCount) {
      const data = values.subarray(0, rowCount);
      values = create(capacity);
      halves = new Int32Array(values.buffer);
      return { data };
    },
  });
}

/** Reads an integer of any size: a number, or a BigInt beyond 15 digits. Digits only, leading zeros allowed. */
function createIntegerReader(): (bytes: Uint8Array, start: number, end: number) => number | bigint | undefined {
  const shape = newNumberShape();
  return (bytes, start, end) => {
    if (!scanNumber(bytes, start, end, shape) || shape.scale > 0 || shape.exponent) return undefined;
    // Without the `0 -`, a negative zero would come out as one.
    if (shape.significantDigits <= 15) return shape.negative ? 0 - shape.mantissa : shape.mantissa;
    return shape.significantDigits <= 20 ? BigInt(asciiText(bytes, start, end)) : undefined;
  };
}

export function createIntColumn(type: DataType, bitWidth: number, isSigned: boolean, capacity: number): ColumnBuilder {
  const readInteger = createIntegerReader();
  if (bitWidth === 64) {
    const min = isSigned ? -(2n ** 63n) : 0n;
    const max = isSigned ? 2n ** 63n - 1n : 2n ** 64n - 1n;
    const create = (length: number) => (isSigned ? new BigInt64Array(length) : new BigUint64Array(length));
    return createLongColumn(type, capacity, create, (bytes, start, end) => {
      const value = readInteger(bytes, start, end);
      return value !== undefined && value >= min && value <= max ? value : undefined;
    });
  }
  const min = isSigned ? -(2 ** (bitWidth - 1)) : 0;
  const max = isSigned ? 2 ** (bitWidth - 1) - 1 : 2 ** bitWidth - 1;
  const arrays = isSigned
    ? { 8: Int8Array, 16: Int16Array, 32: Int32Array }
    : { 8: Uint8Array, 16: Uint16Array, 32: Uint32Array };
  const ArrayType = arrays[bitWidth as 8 | 16 | 32];
  return createNumberColumn(
    type,
    capacity,
    (length) => new ArrayType(length),
    (bytes, start, end) => {
      const value = readInteger(bytes, start, end);
      return typeof value === 'number' && value >= min && value <= max ? value : undefined;
    },
  );
}

const FLOAT_NAMES = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

/** A column of floats. Fractions are rounded to the nearest float; an integer that would be rounded does not fit. */
export function createFloatColumn(type: DataType, precision: Precision, capacity: number): ColumnBuilder {
  const shape = newNumberShape();
  const isDouble = precision === Precision.DOUBLE;
  return createNumberColumn(
    type,
    capacity,
    (length) => (isDouble ? new Float64Array(length) : new Float32Array(length)),
    (bytes, start, end) => {
      if (!scanNumber(bytes, start, end, shape)) {
        return end - start <= 9 ? FLOAT_NAMES.get(asciiText(bytes, start, end)) : undefined;
      }
      const exact = toFloat(bytes, start, end, shape);
      const value = isDouble ? exact : Math.fround(exact);
      if (!Number.isFinite(value)) return undefined;
      const isWhole = shape.scale === 0 && !shape.exponent;
      return isWhole && (value !== exact || !isExactAsFloat(bytes, start, end, shape)) ? undefined : value;
    },
  );
}

export function createBooleanColumn(type: DataType, capacity: number): ColumnBuilder {
  let bits = new Uint8Array(bitmapLength(capacity));
  const set = (row: number, value: boolean) => {
    if (value) bits[row >> 3]! |= 1 << (row & 7);
    else bits[row >> 3]! &= ~(1 << (row & 7));
  };
  return withValidity(type, capacity, {
    write(row, bytes, start, end) {
      if (!isBooleanText(bytes, start, end)) return false;
      set(row, bytes[start] === 0x74);
      return true;
    },
    writeNull(row) {
      set(row, false);
    },
    take(rowCount) {
      const data = bits.subarray(0, bitmapLength(rowCount));
      bits = new Uint8Array(bitmapLength(capacity));
      return { data };
    },
  });
}
