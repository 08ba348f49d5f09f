import { Data, DataType, Vector } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { arrowDataOf } from './arrow-data.ts';
import { putBits, copyBits } from './bitmap.ts';
import { columnValuesOf, fixedWidth, isText, validityOf, type ColumnValues } from './column-values.ts';
import type { TextValues } from './text.ts';
import { bytesOf, viewAs } from './words.ts';

type Buffers = ConstructorParameters<typeof Data>[4];

/**
 * Arrow arrays of one type, one after another, as one array that starts at row 0 and shares no memory with them. Slots
 * under nulls may change. Errors: `LIMIT_EXCEEDED` when offsets or indices of the type cannot count the result,
 * `TYPE_UNSUPPORTED`.
 */
export function concatData(type: DataType, parts: readonly Data[]): Data {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (DataType.isNull(type)) return new Data(type, 0, length, length);
  if (DataType.isDictionary(type)) return concatDictionaries(type, parts, length);
  if (DataType.isUnion(type)) return concatUnions(type, parts, length);
  const { validity, nullCount } = concatValidity(parts, length);
  const make = (offsets: unknown, values: unknown, children: Data[] = []) =>
    new Data(type, 0, length, nullCount, [offsets, values, validity] as unknown as Buffers, children);
  if (DataType.isBool(type)) return make(undefined, concatBits(parts, length));
  if (isText(type)) return arrowDataOf(type, concatTextColumns(parts.map(columnValuesOf)));
  const width = fixedWidth(type);
  if (width !== undefined) {
    const bytes = new Uint8Array(length * width);
    let at = 0;
    for (const part of parts) {
      const source = bytesOf(part.values as Uint8Array).subarray(0, part.length * width);
      bytes.set(source, at);
      at += part.length * width;
    }
    return make(undefined, viewAs(bytes, type.ArrayType as typeof Uint8Array));
  }
  if (DataType.isStruct(type)) {
    const children = type.children.map((field, i) =>
      concatData(
        field.type as DataType,
        parts.map((part) => firstRows(part.children[i]!, part.length)),
      ),
    );
    return make(undefined, undefined, children);
  }
  if (DataType.isFixedSizeList(type)) {
    const items = parts.map((part) => firstRows(part.children[0]!, part.length * type.listSize));
    return make(undefined, undefined, [concatData(type.children[0]!.type as DataType, items)]);
  }
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type)) {
    return concatLists(type, parts, length, make);
  }
  throw new GranaryError('TYPE_UNSUPPORTED', `The type ${type} cannot be stored.`, { type: String(type) });
}

const firstRows = (data: Data, count: number) => (data.length === count ? data : data.slice(0, count));

function concatValidity(parts: readonly Data[], length: number) {
  const all = parts.map(validityOf);
  const nullCount = all.reduce((sum, part) => sum + part.nullCount, 0);
  if (nullCount === 0) return { validity: undefined, nullCount };
  const validity = new Uint8Array((length + 7) >> 3);
  let row = 0;
  all.forEach((part, i) => {
    const count = parts[i]!.length;
    putBits(validity, row, part.validity ?? new Uint8Array((count + 7) >> 3).fill(255), count);
    row += count;
  });
  return { validity, nullCount };
}

function concatBits(parts: readonly Data[], length: number): Uint8Array {
  const bits = new Uint8Array((length + 7) >> 3);
  let row = 0;
  for (const part of parts) {
    putBits(bits, row, copyBits(part.values as Uint8Array, part.offset, part.length), part.length);
    row += part.length;
  }
  return bits;
}

function concatTextColumns(columns: readonly ColumnValues[]): ColumnValues {
  const rowCount = columns.reduce((sum, column) => sum + column.rowCount, 0);
  const nullCount = columns.reduce((sum, column) => sum + column.nullCount, 0);
  const texts = columns.map((column) => column.values).filter((values): values is TextValues => values.kind === 'text');
  const offsets = new Int32Array(texts.reduce((sum, text) => sum + text.offsets.length - 1, 1));
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + text.bytes.length, 0));
  let at = 0;
  let byteAt = 0;
  for (const text of texts) {
    for (let i = 1; i < text.offsets.length; i++) offsets[++at] = byteAt + text.offsets[i]!;
    bytes.set(text.bytes, byteAt);
    byteAt += text.bytes.length;
  }
  if (rowCount > 0 && nullCount === rowCount) {
    return { rowCount, nullCount, validity: undefined, values: { kind: 'none' } };
  }
  const validity = nullCount === 0 ? undefined : new Uint8Array((rowCount + 7) >> 3);
  let row = 0;
  for (const column of columns) {
    if (validity && column.nullCount < column.rowCount) {
      const bits = column.validity ?? new Uint8Array((column.rowCount + 7) >> 3).fill(255);
      putBits(validity, row, bits, column.rowCount);
    }
    row += column.rowCount;
  }
  return { rowCount, nullCount, validity, values: { kind: 'text', offsets, bytes } };
}

function concatLists(
  type: DataType,
  parts: readonly Data[],
  length: number,
  make: (offsets: unknown, values: unknown, children: Data[]) => Data,
): Data {
  const offsets = new Float64Array(length + 1);
  const items: Data[] = [];
  let row = 0;
  for (const part of parts) {
    if (part.length === 0) continue;
    const source = part.valueOffsets as Int32Array | BigInt64Array;
    const begin = Number(source[0]);
    for (let i = 1; i <= part.length; i++) offsets[row + i] = offsets[row]! + Number(source[i]) - begin;
    row += part.length;
    items.push(part.children[0]!.slice(begin, Number(source[part.length]) - begin));
  }
  const child = concatData(type.children[0]!.type as DataType, items);
  if (DataType.isLargeList(type)) return make(BigInt64Array.from(offsets, BigInt), undefined, [child]);
  if (offsets[length]! > 2 ** 31 - 1) {
    throw new GranaryError('LIMIT_EXCEEDED', 'The lists of a row group hold more than 2^31 - 1 items.', {
      limit: 2 ** 31 - 1,
    });
  }
  return make(Int32Array.from(offsets), undefined, [child]);
}

function concatUnions(type: DataType, parts: readonly Data[], length: number): Data {
  if (!DataType.isUnion(type)) throw new GranaryError('INTERNAL', 'Not a union.');
  const typeIds = new Int8Array(length);
  const dense = DataType.isDenseUnion(type);
  const offsets = dense ? new Int32Array(length) : undefined;
  const starts = new Int32Array(type.children.length);
  let row = 0;
  for (const part of parts) {
    const ids = part.typeIds as Int8Array;
    for (let i = 0; i < part.length; i++, row++) {
      typeIds[row] = ids[i]!;
      if (offsets) offsets[row] = starts[type.typeIdToChildIndex[ids[i]!]!]! + part.valueOffsets![i]!;
    }
    for (let child = 0; child < starts.length; child++) starts[child]! += part.children[child]!.length;
  }
  const children = type.children.map((field, i) =>
    concatData(
      field.type as DataType,
      parts.map((part) => (dense ? part.children[i]! : firstRows(part.children[i]!, part.length))),
    ),
  );
  return new Data(type, 0, length, -1, [offsets, undefined, undefined, typeIds] as unknown as Buffers, children);
}

function concatDictionaries(type: DataType, parts: readonly Data[], length: number): Data {
  if (!DataType.isDictionary(type)) throw new GranaryError('INTERNAL', 'Not a dictionary.');
  const dictionaries = new Set(parts.map((part) => part.dictionary));
  if (dictionaries.size > 1 && isText(type.dictionary as DataType)) {
    return arrowDataOf(type, concatTextColumns(parts.map(columnValuesOf)));
  }
  const indexType = type.indices as DataType;
  const indices = new (type.indices.ArrayType as typeof BigInt64Array | typeof Int32Array)(length);
  const { validity, nullCount } = concatValidity(parts, length);
  const starts = new Map<Vector | undefined, number>();
  const entries: Data[] = [];
  let entryCount = 0;
  for (const dictionary of dictionaries) {
    starts.set(dictionary, entryCount);
    entries.push(...(dictionary?.data ?? []));
    entryCount += dictionary?.length ?? 0;
  }
  const capacity = DataType.isInt(indexType) ? 2 ** (indexType.bitWidth - (indexType.isSigned ? 1 : 0)) : 0;
  if (entryCount > capacity) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `${entryCount} dictionary entries do not fit the index type ${indexType}.`,
      {
        limit: capacity,
      },
    );
  }
  let row = 0;
  for (const part of parts) {
    const start = starts.get(part.dictionary)!;
    const source = part.values as Int32Array | BigInt64Array;
    for (let i = 0; i < part.length; i++, row++) {
      const index = Number(source[i]) + start;
      indices[row] = (
        indices instanceof BigInt64Array || indices instanceof BigUint64Array ? BigInt(index) : index
      ) as never;
    }
  }
  const dictionary = new Vector([concatData(type.dictionary as DataType, entries)]);
  return new Data(type, 0, length, nullCount, [undefined, indices, validity] as unknown as Buffers, [], dictionary);
}
