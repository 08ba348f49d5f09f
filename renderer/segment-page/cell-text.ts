import { type Data, type DataType, DataType as Type, Vector } from 'apache-arrow';
import { integerText, shorten, VALUE_CHARACTERS_MAX } from './value-text.ts';

/** Bytes shown of a binary value. */
const BYTES_SHOWN = 24;

const decoder = new TextDecoder();

/** The value of a row as a person reads it, cut to a readable length; undefined for null. */
export function cellText(data: Data, row: number): string | undefined {
  const type = data.type as DataType;
  if (Type.isNull(type) || (!Type.isUnion(type) && data.nullCount > 0 && !isSet(data.nullBitmap, data.offset + row)))
    return undefined;
  return shorten(valueText(type, data, row));
}

const isSet = (bits: Uint8Array, index: number): boolean => ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;

function valueText(type: DataType, data: Data, row: number): string {
  if (Type.isBool(type)) return String(isSet(data.values as Uint8Array, data.offset + row));
  if (Type.isFloat(type)) return String(new Vector([data]).get(row));
  if (Type.isDecimal(type)) {
    const words = data.values as Uint32Array;
    const stride = type.bitWidth / 32;
    let unscaled = 0n;
    for (let i = stride - 1; i >= 0; i--) unscaled = (unscaled << 32n) | BigInt(words[row * stride + i]!);
    return integerText(type, BigInt.asIntN(type.bitWidth, unscaled));
  }
  if (Type.isInt(type) || Type.isDate(type) || Type.isTimestamp(type) || Type.isTime(type) || Type.isDuration(type))
    return integerText(type, BigInt((data.values as Int32Array)[row]!));
  if (Type.isInterval(type)) return Array.from(new Vector([data]).get(row) as Int32Array).join(', ');
  if (Type.isFixedSizeBinary(type)) {
    const { byteWidth } = type;
    return hexText((data.values as Uint8Array).subarray(row * byteWidth, (row + 1) * byteWidth));
  }
  if (Type.isDictionary(type)) {
    const entries = data.dictionary?.data[0];
    return (entries && cellText(entries, Number(data.values[row]))) ?? '';
  }
  if (Type.isUnion(type)) {
    const child = type.typeIdToChildIndex[data.typeIds![row]!]!;
    return cellText(data.children[child]!, Type.isDenseUnion(type) ? data.valueOffsets![row]! : row) ?? 'null';
  }
  if (Type.isStruct(type))
    return listText('{', data.children.length, '}', (i) => {
      const child = data.children[i]!;
      return `${type.children[i]!.name}: ${cellText(child, row) ?? 'null'}`;
    });
  if (Type.isFixedSizeList(type))
    return listText('[', type.listSize, ']', (i) => cellText(data.children[0]!, row * type.listSize + i) ?? 'null');
  const [start, end] = [Number(data.valueOffsets![row]), Number(data.valueOffsets![row + 1])];
  const items = data.children[0];
  if (items) return listText('[', end - start, ']', (i) => cellText(items, start + i) ?? 'null');
  const bytes = data.values as Uint8Array;
  if (Type.isBinary(type) || Type.isLargeBinary(type)) return hexText(bytes.subarray(start, end));
  // A character takes at most four bytes: enough to fill what is shown.
  return decoder.decode(bytes.subarray(start, Math.min(end, start + 4 * (VALUE_CHARACTERS_MAX + 1))));
}

/** Stops when there is more than is shown: a list may have a million items. */
function listText(open: string, length: number, close: string, item: (i: number) => string): string {
  let text = open;
  for (let i = 0; i < length && text.length <= VALUE_CHARACTERS_MAX; i++) text += (i > 0 ? ', ' : '') + item(i);
  return text + close;
}

function hexText(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, BYTES_SHOWN), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > BYTES_SHOWN ? `${shown}…` : shown;
}
