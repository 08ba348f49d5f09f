import { DataType } from 'apache-arrow';
import { fromSmall, wordsOf } from './int64.ts';
import { bytesOf, viewAs } from './words.ts';

/** True when the bits are to be read as an unsigned number. */
export const isUnsigned = (type: DataType): boolean =>
  DataType.isBool(type) || (DataType.isInt(type) && !type.isSigned);

/** True for types whose values are integers of at most 64 bits, or decimals that may fit. */
export const isInteger = (type: DataType): boolean =>
  DataType.isBool(type) ||
  DataType.isInt(type) ||
  DataType.isDate(type) ||
  DataType.isTime(type) ||
  DataType.isTimestamp(type) ||
  DataType.isDuration(type) ||
  DataType.isDecimal(type) ||
  (DataType.isInterval(type) && type.unit === 0);

/**
 * Values of a fixed width (1, 2, 4, 8, 16 or 32 bytes) as 64-bit integers; unsigned 64-bit ones keep their bits.
 * Undefined when a wider one does not fit into 64 bits.
 */
export function integersOf(bytes: Uint8Array, width: number, unsigned: boolean): BigInt64Array | undefined {
  switch (width) {
    case 1:
      return fromSmall(unsigned ? bytes : viewAs(bytes, Int8Array));
    case 2:
      return fromSmall(unsigned ? viewAs(bytes, Uint16Array) : viewAs(bytes, Int16Array));
    case 4:
      return fromSmall(unsigned ? viewAs(bytes, Uint32Array) : viewAs(bytes, Int32Array));
    case 8:
      return viewAs(bytes, BigInt64Array);
    default:
      return narrow(viewAs(bytes, Int32Array), width / 4);
  }
}

function narrow(words: Int32Array, stride: number): BigInt64Array | undefined {
  const result = new BigInt64Array(words.length / stride);
  const target = wordsOf(result);
  for (let i = 0, at = 0; at < words.length; i += 2, at += stride) {
    const high = words[at + 1]!;
    for (let k = 2; k < stride; k++) if (words[at + k] !== high >> 31) return undefined;
    target[i] = words[at]!;
    target[i + 1] = high;
  }
  return result;
}

/** The reverse of {@link integersOf}; bits that do not fit the width are cut, which the checksum then finds. */
export function integerBytes(values: BigInt64Array, width: number): Uint8Array {
  if (width === 8) return bytesOf(values);
  const words = wordsOf(values);
  if (width > 8) {
    const stride = width / 4;
    const wide = new Int32Array(values.length * stride);
    for (let i = 0, at = 0; i < words.length; i += 2, at += stride) {
      wide[at] = words[i]!;
      wide[at + 1] = words[i + 1]!;
      wide.fill(words[i + 1]! >> 31, at + 2, at + stride);
    }
    return bytesOf(wide);
  }
  const target =
    width === 4
      ? new Int32Array(values.length)
      : width === 2
        ? new Int16Array(values.length)
        : new Int8Array(values.length);
  for (let i = 0; i < target.length; i++) target[i] = words[2 * i]!;
  return bytesOf(target);
}
