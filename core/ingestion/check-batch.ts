import { type Data, DataType, type RecordBatch } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';

/**
 * Checks that buffers are as long as they must be, offsets rise within them, and text is UTF-8: what a reader of Arrow
 * IPC takes on trust, and what whoever reads the batch later relies on. Errors: `FILE_FORMAT` naming the column.
 */
export function checkBatch(batch: RecordBatch, isUtf8: (bytes: Uint8Array) => boolean): void {
  for (const [i, data] of batch.data.children.entries()) {
    const problem =
      data.length === batch.numRows ? problemOf(data, isUtf8) : 'has another number of rows than the batch';
    if (problem === undefined) continue;
    const column = batch.schema.fields[i]?.name ?? String(i);
    throw new GranaryError('FILE_FORMAT', `The file is damaged: column "${column}" ${problem}.`, { column });
  }
}

function problemOf(data: Data, isUtf8: (bytes: Uint8Array) => boolean): string | undefined {
  const { type, length, offset } = data;
  if (data.nullCount > 0 && data.nullBitmap && data.nullBitmap.length * 8 < offset + length)
    return 'lacks validity bits';
  if (DataType.isDictionary(type)) {
    if ((data.values as Uint8Array).length < length) return 'lacks values';
    for (const chunk of data.dictionary?.data ?? []) {
      const problem = checkedDictionaries.has(chunk) ? undefined : problemOf(chunk as Data, isUtf8);
      if (problem !== undefined) return problem;
      checkedDictionaries.add(chunk);
    }
    return undefined;
  }
  if (DataType.isUtf8(type) || DataType.isBinary(type) || DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) {
    return textProblem(data, DataType.isUtf8(type) || DataType.isLargeUtf8(type) ? isUtf8 : anyBytes);
  }
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type)) {
    const childLength = data.children[0]?.length ?? 0;
    if (!offsetsRise(data, childLength)) return 'has offsets out of order';
  }
  for (const child of data.children) {
    const problem = problemOf(child, isUtf8);
    if (problem !== undefined) return problem;
  }
  if (DataType.isStruct(type) || DataType.isUnion(type)) {
    return DataType.isStruct(type) && data.children.some((child) => child.length < length) ? 'lacks values' : undefined;
  }
  if (DataType.isFixedSizeList(type)) {
    return (data.children[0]?.length ?? 0) < length * type.listSize ? 'lacks values' : undefined;
  }
  const values = data.values as { readonly length: number } | undefined;
  if (values === undefined || data.children.length > 0) return undefined;
  const needed = DataType.isBool(type) ? Math.ceil((offset + length) / 8) : length * data.stride;
  return values.length < needed && data.nullCount < length ? 'lacks values' : undefined;
}

/** Dictionaries come again with every batch. */
const checkedDictionaries = new WeakSet<object>();

/** True when the offsets never fall and stay between 0 and `limit`. */
function offsetsRise({ valueOffsets, length }: Data, limit: number): boolean {
  if (length === 0) return true;
  const offsets = valueOffsets as ArrayLike<number | bigint>;
  if (offsets === undefined || offsets.length < length + 1) return false;
  let previous: number | bigint = 0;
  for (let i = 0; i <= length; i++) {
    if (offsets[i]! < previous) return false;
    previous = offsets[i]!;
  }
  return previous <= limit;
}

function textProblem(data: Data, isUtf8: (bytes: Uint8Array) => boolean): string | undefined {
  const { length } = data;
  if (length === 0) return undefined;
  const values = (data.values ?? new Uint8Array(0)) as Uint8Array;
  if (!offsetsRise(data, values.length)) return 'has offsets out of order';
  const offsets = data.valueOffsets as ArrayLike<number | bigint>;
  const from = Number(offsets[0]);
  const text = values.subarray(from, Number(offsets[length]));
  if (!isUtf8(text)) return 'holds text that is not UTF-8';
  // The whole is UTF-8; a value is too unless it starts in the middle of a character.
  for (let row = 0; row < length; row++) {
    const at = Number(offsets[row]) - from;
    if (at < text.length && (text[at]! & 0xc0) === 0x80 && isUtf8 !== anyBytes) return 'holds text that is not UTF-8';
  }
  return undefined;
}

const anyBytes = () => true;
