import { Bool, Data, DataType, Dictionary, Int32, Uint16, Uint8, Utf8, Vector } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { expand, fixedWidth, isText, type ColumnValues } from './column-values.ts';
import type { TextValues } from './text.ts';
import { buildDictionary } from './dictionary.ts';
import { fromSmall } from './int64.ts';
import { bytesOf, viewAs } from './words.ts';

/** Texts as row codes into distinct entries in ascending byte order. */
export interface DictionaryValues {
  readonly kind: 'dictionary';
  /** One a value; of a column that was decoded in the narrowest of these types. */
  readonly codes: Uint8Array | Uint16Array | Int32Array;
  readonly entries: TextValues;
}

export type StoredColumn = Omit<ColumnValues, 'values'> & {
  readonly values: ColumnValues['values'] | DictionaryValues;
};

type Buffers = ConstructorParameters<typeof Data>[4];

const makeArray = (type: DataType, column: StoredColumn, buffers: unknown[], dictionary?: Vector): Data => {
  const validity = column.nullCount === column.rowCount ? new Uint8Array((column.rowCount + 7) >> 3) : column.validity;
  const all = [buffers[0], buffers[1], column.nullCount === 0 ? undefined : validity] as unknown as Buffers;
  return new Data(type, 0, column.rowCount, column.nullCount, all, [], dictionary);
};

/** Bytes as the typed array that Arrow uses for the type. */
const asArrowValues = (type: DataType, bytes: Uint8Array) =>
  viewAs(bytes, type.ArrayType as typeof Uint8Array) as Uint8Array;

/**
 * The column as an Arrow array of exactly `type`. With `dictionary`, texts that are stored as a dictionary come as
 * `Dictionary<Utf8>` with indices of the codes' type instead, its entries in ascending byte order.
 */
export function arrowDataOf(type: DataType, column: StoredColumn, options: { dictionary?: boolean } = {}): Data {
  const { values } = column;
  if (DataType.isNull(type)) return new Data(type, 0, column.rowCount, column.rowCount);
  if (values.kind === 'nested') return values.data;
  const valueType = (DataType.isDictionary(type) ? type.dictionary : type) as DataType;
  if (
    options.dictionary &&
    values.kind === 'dictionary' &&
    (DataType.isUtf8(valueType) || DataType.isLargeUtf8(valueType))
  ) {
    return dictionaryData(new Dictionary(new Utf8(), indexType(values)), column, values);
  }
  if (DataType.isDictionary(type)) return dictionaryData(type, column, asDictionary(values));
  if (isText(type)) return textData(type, column, asText(values));
  const width = fixedWidth(type) ?? 0;
  const bytes = values.kind === 'fixed' ? values.bytes : new Uint8Array(column.rowCount * width);
  const all = column.validity ? expand(bytes, width, column.validity, column.rowCount) : bytes;
  if (DataType.isBool(type)) return makeArray(new Bool(), column, [undefined, packBits(all)]);
  return makeArray(type, column, [undefined, asArrowValues(type, all)]);
}

function packBits(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array((bytes.length + 7) >> 3);
  let seen = 0;
  for (let row = 0; row < bytes.length; row++) {
    bits[row >> 3]! |= bytes[row]! << (row & 7);
    seen |= bytes[row]!;
  }
  if (seen > 1) throw new GranaryError('FORMAT_INVALID', 'A boolean is neither 0 nor 1.');
  return bits;
}

const NO_TEXT: TextValues = { kind: 'text', offsets: new Int32Array(1), bytes: new Uint8Array(0) };

/** Texts one after another, whatever form they are in. */
export function asText(values: StoredColumn['values']): TextValues {
  if (values.kind === 'text') return values;
  if (values.kind !== 'dictionary') return NO_TEXT;
  const { codes, entries } = values;
  const offsets = new Int32Array(codes.length + 1);
  let total = 0;
  for (let i = 0; i < codes.length; i++) {
    total += entries.offsets[codes[i]! + 1]! - entries.offsets[codes[i]!]!;
    offsets[i + 1] = total;
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (let i = 0; i < codes.length; i++) {
    const end = entries.offsets[codes[i]! + 1]!;
    for (let from = entries.offsets[codes[i]!]!; from < end; from++) bytes[at++] = entries.bytes[from]!;
  }
  return { kind: 'text', offsets, bytes };
}

function asDictionary(values: StoredColumn['values']): DictionaryValues {
  if (values.kind === 'dictionary') return values;
  if (values.kind !== 'text') return { kind: 'dictionary', codes: new Int32Array(0), entries: NO_TEXT };
  return buildDictionary(values, values.offsets.length)!;
}

function textData(type: DataType, column: StoredColumn, text: TextValues): Data {
  const offsets = spreadOffsets(column, text.offsets);
  const large = DataType.isLargeUtf8(type) || DataType.isLargeBinary(type);
  return makeArray(type, column, [large ? fromSmall(offsets) : offsets, text.bytes]);
}

/** Offsets for all rows: a null row is empty. */
function spreadOffsets(column: StoredColumn, offsets: Int32Array): Int32Array {
  if (column.nullCount === 0) return offsets;
  const all = new Int32Array(column.rowCount + 1);
  const { validity } = column;
  if (!validity) return all;
  for (let row = 0, at = 0; row < column.rowCount; row++) {
    if (validity[row >> 3]! & (1 << (row & 7))) at += 1;
    all[row + 1] = offsets[at]!;
  }
  return all;
}

function dictionaryData(type: Dictionary, column: StoredColumn, values: DictionaryValues): Data {
  const indexType = type.indices as DataType;
  const entryCount = values.entries.offsets.length - 1;
  const codes = spreadCodes(column, values.codes);
  const entries = textData(
    type.dictionary as DataType,
    { rowCount: entryCount, nullCount: 0, validity: undefined, values: values.entries },
    values.entries,
  );
  return makeArray(type, column, [undefined, indicesAs(indexType, codes, entryCount)], new Vector([entries]));
}

const indexType = ({ codes }: DictionaryValues) =>
  codes instanceof Uint8Array ? new Uint8() : codes instanceof Uint16Array ? new Uint16() : new Int32();

/** Codes for all rows: that of a null row is 0. */
function spreadCodes(
  { rowCount, validity }: StoredColumn,
  codes: DictionaryValues['codes'],
): DictionaryValues['codes'] {
  const type = codes.constructor as typeof Int32Array;
  if (validity) return viewAs(expand(bytesOf(codes), codes.BYTES_PER_ELEMENT, validity, rowCount), type);
  return codes.length === rowCount ? codes : new type(rowCount);
}

function indicesAs(type: DataType, codes: DictionaryValues['codes'], entryCount: number) {
  if (!DataType.isInt(type)) throw new GranaryError('TYPE_UNSUPPORTED', `A dictionary has indices of type ${type}.`);
  const capacity = 2 ** (type.bitWidth - (type.isSigned ? 1 : 0));
  if (entryCount > capacity) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `A dictionary of ${entryCount} distinct values does not fit its index type ${type}.`,
      { limit: capacity },
    );
  }
  if (codes instanceof type.ArrayType) return codes;
  if (type.bitWidth === 64) return viewAs(bytesOf(fromSmall(codes)), type.ArrayType as typeof BigInt64Array);
  return (type.ArrayType as typeof Int16Array).from(codes);
}

/** The same array under an equal type: the type objects, too, are then those of the schema. */
export function withType(data: Data, type: DataType): Data {
  const children = data.children.map((child, i) =>
    withType(child, (type.children?.[i]?.type ?? child.type) as DataType),
  );
  const dictionary =
    data.dictionary && DataType.isDictionary(type)
      ? new Vector(data.dictionary.data.map((chunk) => withType(chunk, type.dictionary as DataType)))
      : data.dictionary;
  const buffers = [data.valueOffsets, data.values, data.nullBitmap, data.typeIds] as unknown as Buffers;
  return new Data(
    type,
    data.offset,
    data.length,
    DataType.isUnion(type) ? -1 : data.nullCount,
    buffers,
    children,
    dictionary,
  );
}
