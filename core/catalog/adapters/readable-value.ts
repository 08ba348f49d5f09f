import { type Data, DataType, Precision } from 'apache-arrow';
import { toHex } from '#core/kernel/index.ts';
import { decimalText, readInteger } from './decimal-value.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * A value as JSON that people can read; not exact, and not meant to be read back. Whole numbers over 2^53 and decimals are
 * texts, bytes are hexadecimal, times count the units of their type, maps are lists of entries, NaN and infinities are
 * null. (Arrow's own conversion throws on times that a double cannot count.)
 */
export function readableValue(data: Data, row: number): unknown {
  const type: DataType = data.type;
  if (DataType.isNull(type) || (!DataType.isUnion(type) && !data.getValid(row))) return null;
  if (DataType.isBool(type)) return ((data.values[(data.offset + row) >> 3] >> ((data.offset + row) & 7)) & 1) === 1;
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return decoder.decode(variableBytes(data, row));
  if (DataType.isBinary(type) || DataType.isLargeBinary(type)) return toHex(variableBytes(data, row));
  if (DataType.isStruct(type)) {
    return Object.fromEntries(type.children.map(({ name }, i) => [name, readableValue(data.children[i]!, row)]));
  }
  if (DataType.isFixedSizeList(type)) {
    return valuesBetween(data.children[0]!, row * type.listSize, (row + 1) * type.listSize);
  }
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type)) {
    return valuesBetween(data.children[0]!, Number(data.valueOffsets[row]), Number(data.valueOffsets[row + 1]));
  }
  if (DataType.isUnion(type)) {
    const child = data.children[type.typeIdToChildIndex[data.typeIds[row]!]!]!;
    return readableValue(child, DataType.isDenseUnion(type) ? data.valueOffsets[row] : row);
  }
  if (DataType.isDictionary(type)) return entryOf(data, Number(data.values[row]));
  if (data.stride > 1 || DataType.isFixedSizeBinary(type)) return fixedBytes(data, row);
  if (DataType.isFloat(type) && type.precision === Precision.HALF) {
    return new Float16Array(data.values.buffer, data.values.byteOffset + 2 * row, 1)[0];
  }
  const value: number | bigint = data.values[row];
  if (typeof value === 'number') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

const valuesBetween = (data: Data, start: number, end: number): unknown[] =>
  Array.from({ length: end - start }, (_, i) => readableValue(data, start + i));

const variableBytes = (data: Data, row: number): Uint8Array =>
  data.values.subarray(Number(data.valueOffsets[row]), Number(data.valueOffsets[row + 1]));

function entryOf(data: Data, index: number): unknown {
  let start = 0;
  for (const chunk of data.dictionary?.data ?? []) {
    if (index < start + chunk.length) return readableValue(chunk, index - start);
    start += chunk.length;
  }
  return null;
}

/** Decimals as their digits; other values of several words as they lie in memory. */
function fixedBytes(data: Data, row: number): string {
  const type: DataType = data.type;
  const values: Uint32Array | Uint8Array = data.values.subarray(row * data.stride, (row + 1) * data.stride);
  if (DataType.isDecimal(type)) return decimalText(readInteger(values as Uint32Array, 0, data.stride), type.scale);
  return toHex(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}
