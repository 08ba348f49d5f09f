import { type Data, DataType } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { fixedWidth, isText } from './column-values.ts';

const damaged = (what: string) => new GranaryError('FORMAT_INVALID', `A nested column is damaged: ${what}.`);

/** Bytes of a buffer that is there. */
const sizeOf = (buffer: ArrayBufferView | undefined): number => buffer?.byteLength ?? 0;

/**
 * Checks that an array from a stranger's Arrow IPC stream is whole: every buffer long enough, every offset, index and
 * type id inside what it points into. Arrow's reader takes all of that on trust. Errors: `FORMAT_INVALID`.
 *
 * @param itemsMax the most items that an array inside may have: items of no bytes (nulls, empty structs) cost a file
 *   nothing and a reader time
 */
export function checkNested(data: Data, itemsMax: number): void {
  const type = data.type as DataType;
  const { length } = data;
  if (!Number.isSafeInteger(length) || length < 0 || length > itemsMax) throw damaged(`${length} items`);
  if (data.offset !== 0) throw damaged('an array that does not start at its first row');
  if (DataType.isNull(type)) return;
  const bitmapBytes = sizeOf(data.nullBitmap);
  if (bitmapBytes > 0 && bitmapBytes * 8 < length) throw damaged('a validity that ends early');
  if (DataType.isUnion(type)) return checkUnion(data, type, itemsMax);
  if (DataType.isStruct(type)) return checkChildren(data, length, itemsMax);
  if (DataType.isFixedSizeList(type)) return checkChildren(data, length * type.listSize, itemsMax);
  if (DataType.isBool(type)) return checkValues(data, length / 8);
  if (DataType.isDictionary(type)) return checkDictionary(data, type, itemsMax);
  const width = fixedWidth(type);
  if (width !== undefined) return checkValues(data, length * width);
  const end = checkOffsets(data);
  if (isText(type)) return checkValues(data, end);
  checkChildren(data, end, itemsMax);
}

function checkValues(data: Data, byteCount: number): void {
  if (sizeOf(data.values as Uint8Array | undefined) < byteCount) throw damaged('values that end early');
}

/** Every child must have at least this many items. */
function checkChildren(data: Data, itemCount: number, itemsMax: number): void {
  if (data.children.length !== (data.type as DataType).children?.length) throw damaged('a missing child');
  for (const child of data.children) {
    if (child.length < itemCount) throw damaged('a child that ends early');
    checkNested(child, itemsMax);
  }
}

/** Offsets that start at 0 or above and never fall; returns the last. An array without items may have none. */
function checkOffsets(data: Data): number {
  const offsets = data.valueOffsets as Int32Array | BigInt64Array | undefined;
  if (data.length === 0) return 0;
  if (!offsets || offsets.length <= data.length) throw damaged('offsets that end early');
  let before = Number(offsets[0]);
  if (before < 0) throw damaged('an offset below 0');
  for (let row = 1; row <= data.length; row++) {
    const offset = Number(offsets[row]);
    if (!(offset >= before)) throw damaged('offsets that fall');
    before = offset;
  }
  return before;
}

function checkUnion(data: Data, type: DataType, itemsMax: number): void {
  if (!DataType.isUnion(type)) return;
  const { typeIds } = data;
  const offsets = data.valueOffsets as Int32Array | undefined;
  const dense = DataType.isDenseUnion(type);
  checkChildren(data, dense ? 0 : data.length, itemsMax);
  if (data.length === 0) return;
  if (!typeIds || typeIds.length < data.length) throw damaged('type ids that end early');
  if (dense && (!offsets || offsets.length < data.length)) throw damaged('offsets that end early');
  for (let row = 0; row < data.length; row++) {
    const child = data.children[type.typeIdToChildIndex[typeIds[row]!] ?? -1];
    const at = dense ? offsets![row]! : row;
    if (!child || at < 0 || at >= child.length) throw damaged('a type id or offset outside its children');
  }
}

function checkDictionary(data: Data, type: DataType, itemsMax: number): void {
  if (!DataType.isDictionary(type)) return;
  const indices = data.values as ArrayLike<number | bigint> | undefined;
  if (data.length > 0 && (!indices || indices.length < data.length)) throw damaged('indices that end early');
  const chunks = data.dictionary?.data ?? [];
  const entryCount = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  for (const chunk of chunks) checkNested(chunk, itemsMax);
  const bitmap = data.nullBitmap as Uint8Array | undefined;
  for (let row = 0; row < data.length; row++) {
    if (bitmap?.length && !(bitmap[row >> 3]! & (1 << (row & 7)))) continue;
    const index = Number(indices![row]);
    if (!(index >= 0 && index < entryCount)) throw damaged('an index without an entry');
  }
}
