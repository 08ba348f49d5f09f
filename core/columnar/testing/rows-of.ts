import { type Data, DataType } from 'apache-arrow';
import { toHex } from '#core/kernel/index.ts';
import { fixedWidth } from '../column-values.ts';
import { bytesOf } from '../words.ts';

/**
 * The rows of an array as plain text, bit-exact: hexadecimal bytes of each value as Arrow lays them out, `null` for
 * nulls. Row by row and apart from the product's own comparison, so that tests need not believe it.
 */
export const rowsOf = (data: Data): string[] => Array.from({ length: data.length }, (_, row) => rowText(data, row));

const bit = (bits: Uint8Array, index: number): number => (bits[index >> 3]! >> (index & 7)) & 1;

function rowText(data: Data, row: number): string {
  const type = data.type as DataType;
  if (DataType.isUnion(type)) {
    const child = type.typeIdToChildIndex[data.typeIds![row]!]!;
    const at = DataType.isDenseUnion(type) ? data.valueOffsets![row]! : row;
    return `${child}:${rowText(data.children[child]!, at)}`;
  }
  const bitmap = data.nullBitmap as Uint8Array | undefined;
  if (DataType.isNull(type) || (bitmap && bitmap.length > 0 && bit(bitmap, data.offset + row) === 0)) return 'null';
  if (DataType.isBool(type)) return String(bit(data.values as Uint8Array, data.offset + row));
  const width = fixedWidth(type);
  if (width !== undefined) return toHex(bytesOf(data.values as Uint8Array).subarray(row * width, (row + 1) * width));
  if (DataType.isDictionary(type)) return entryText(data, Number(data.values[row]));
  if (DataType.isStruct(type)) return `{${data.children.map((child) => rowText(child, row)).join()}}`;
  if (DataType.isFixedSizeList(type))
    return itemsText(data.children[0]!, row * type.listSize, (row + 1) * type.listSize);
  const start = Number(data.valueOffsets![row]);
  const end = Number(data.valueOffsets![row + 1]);
  const items = data.children[0];
  return items ? itemsText(items, start, end) : `'${toHex((data.values as Uint8Array).subarray(start, end))}'`;
}

const itemsText = (items: Data, start: number, end: number): string =>
  `[${Array.from({ length: end - start }, (_, i) => rowText(items, start + i)).join()}]`;

function entryText(data: Data, index: number): string {
  let at = index;
  for (const chunk of data.dictionary?.data ?? []) {
    if (at < chunk.length) return rowText(chunk, at);
    at -= chunk.length;
  }
  throw new Error(`no dictionary entry ${index}`);
}
