import { Binary, type Data, DataType, Dictionary, Field, Schema, Utf8, Vector, makeData } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { uniqueNames } from './column-names.ts';
import type { ColumnNote } from './ports.ts';

/** Bytes of text in one array: offsets have 32 bits. */
const TEXT_BYTES_MAX = 2 ** 31 - 1;

/**
 * The type that a column gets here. Large and view types, and dictionaries of text, bytes and fixed-width values, are
 * choices of the writer for the same values: they become the plain type, so that files of different writers fit one table.
 */
export function plainType(type: DataType): DataType {
  if (DataType.isLargeUtf8(type) || DataType.isUtf8View(type)) return new Utf8();
  if (DataType.isLargeBinary(type) || DataType.isBinaryView(type)) return new Binary();
  if (!DataType.isDictionary(type)) return type;
  const value = type.dictionary as DataType;
  const plain = plainType(value);
  return DataType.isUtf8(plain) || DataType.isBinary(plain) || isFixedWidth(plain) ? plain : type;
}

const isFixedWidth = (type: DataType) =>
  DataType.isInt(type) ||
  DataType.isFloat(type) ||
  DataType.isDecimal(type) ||
  DataType.isDate(type) ||
  DataType.isTime(type) ||
  DataType.isTimestamp(type) ||
  DataType.isDuration(type) ||
  DataType.isFixedSizeBinary(type);

/** The field under {@link plainType} of its type. */
export const plainField = (field: Field): Field =>
  new Field(field.name, plainType(field.type), field.nullable, field.metadata);

/** The schema with plain types, and with names that are all there and all different. */
export function plainSchema(source: string, schema: Schema): { schema: Schema; notes: readonly ColumnNote[] } {
  const { names, notes } = uniqueNames(
    source,
    schema.fields.map((field) => field.name),
  );
  const fields = schema.fields.map(
    (field, i) => new Field(names[i]!, plainType(field.type), field.nullable, field.metadata),
  );
  return { schema: new Schema(fields, schema.metadata), notes };
}

/** The same values under {@link plainType} of their type; the data itself when that is its type already. */
export function plainData(data: Data): Data {
  const { type } = data;
  if (DataType.isDictionary(type) && plainType(type) !== type) return plainDictionary(data as Data<Dictionary>);
  if (DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) return narrowOffsets(data);
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) return fromViews(data);
  return data;
}

const isValid = (data: Data, row: number) =>
  data.nullCount === 0 || ((data.nullBitmap[(data.offset + row) >> 3]! >> ((data.offset + row) & 7)) & 1) === 1;

/** The validity bitmap from its first bit; undefined when no value is null. */
function validityOf(
  length: number,
  isRowValid: (row: number) => boolean,
): { nullBitmap?: Uint8Array; nullCount: number } {
  const nullBitmap = new Uint8Array(Math.ceil(length / 64) * 8);
  let nullCount = 0;
  for (let row = 0; row < length; row++) {
    if (isRowValid(row)) nullBitmap[row >> 3]! |= 1 << (row & 7);
    else nullCount++;
  }
  return nullCount === 0 ? { nullCount } : { nullBitmap, nullCount };
}

const checkTextBytes = (byteCount: number) => {
  if (byteCount <= TEXT_BYTES_MAX) return;
  throw new GranaryError(
    'LIMIT_EXCEEDED',
    'A batch holds more than 2 GiB of text in one column. Write smaller batches.',
    {
      limit: TEXT_BYTES_MAX,
    },
  );
};

function narrowOffsets(data: Data): Data {
  const { length } = data;
  const wide = data.valueOffsets as unknown as BigInt64Array;
  const from = Number(wide[0] ?? 0n);
  const offsets = new Int32Array(length + 1);
  checkTextBytes(Number(wide[length] ?? 0n) - from);
  // The low halves do: differences are below 2^31, and they wrap as the offsets do.
  const low = new Int32Array(wide.buffer, wide.byteOffset, wide.length * 2);
  for (let i = 0; i <= length; i++) offsets[i] = (low[2 * i]! - low[0]!) | 0;
  const values = (data.values as Uint8Array).subarray(from, from + offsets[length]!);
  const { nullCount } = data;
  const validity =
    nullCount === 0 || data.offset === 0
      ? { nullCount, nullBitmap: data.nullBitmap }
      : validityOf(length, (row) => isValid(data, row));
  return makeData({ type: plainType(data.type), length, ...validity, data: values, valueOffsets: offsets } as never);
}

const encoder = new TextEncoder();

function fromViews(data: Data): Data {
  const vector = new Vector([data]);
  const parts: (Uint8Array | undefined)[] = [];
  for (let row = 0; row < data.length; row++) {
    const value = vector.get(row) as string | Uint8Array | null;
    parts.push(value === null ? undefined : typeof value === 'string' ? encoder.encode(value) : value);
  }
  return fromParts(plainType(data.type), parts);
}

function fromParts(type: DataType, parts: readonly (Uint8Array | undefined)[]): Data {
  const offsets = new Int32Array(parts.length + 1);
  let total = 0;
  for (const [row, part] of parts.entries()) {
    total += part?.length ?? 0;
    checkTextBytes(total);
    offsets[row + 1] = total;
  }
  const values = new Uint8Array(total);
  for (const [row, part] of parts.entries()) if (part) values.set(part, offsets[row]);
  const validity = validityOf(parts.length, (row) => parts[row] !== undefined);
  return makeData({ type, length: parts.length, ...validity, data: values, valueOffsets: offsets } as never);
}

/** The chunks of a dictionary under plain types; kept, because every batch of a file comes with the same one. */
const plainEntries = new WeakMap<Vector, readonly Data[]>();

function plainDictionary(data: Data<Dictionary>): Data {
  const { dictionary, length } = data;
  const type = plainType(data.type);
  if (!dictionary) throw new GranaryError('FILE_FORMAT', 'A dictionary of the file is missing.');
  let chunks = plainEntries.get(dictionary);
  if (!chunks) plainEntries.set(dictionary, (chunks = dictionary.data.map((chunk) => plainData(chunk as Data))));
  const indices = data.values as ArrayLike<number | bigint>;
  /** The entry of a row: its chunk and place, undefined for a null. */
  const entryOf = (row: number): { chunk: Data; at: number } | undefined => {
    if (!isValid(data, row)) return undefined;
    let at = Number(indices[row]);
    for (const chunk of chunks) {
      if (at >= 0 && at < chunk.length) return isValid(chunk, at) ? { chunk, at } : undefined;
      at -= chunk.length;
    }
    throw new GranaryError('FILE_FORMAT', 'The file is damaged: an index lies outside its dictionary.');
  };
  if (!isFixedWidth(type)) {
    const parts = Array.from({ length }, (_, row) => {
      const entry = entryOf(row);
      if (!entry) return undefined;
      const { valueOffsets, values } = entry.chunk;
      return (values as Uint8Array).subarray(valueOffsets[entry.at], valueOffsets[entry.at + 1]);
    });
    return fromParts(type, parts);
  }
  const { stride } = chunks[0] ?? data;
  const values = new (type.ArrayType as Uint8ArrayConstructor)(length * stride);
  const validity = validityOf(length, (row) => {
    const entry = entryOf(row);
    if (!entry) return false;
    values.set((entry.chunk.values as Uint8Array).subarray(entry.at * stride, (entry.at + 1) * stride), row * stride);
    return true;
  });
  return makeData({ type, length, ...validity, data: values } as never);
}
