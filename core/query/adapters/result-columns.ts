import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  IntervalMonthDayNano,
  makeData,
  Null,
  TimeMicrosecond,
  TimeNanosecond,
  Timestamp,
  TimeUnit,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
} from 'apache-arrow';
import duckdb from '@duckdb/node-bindings';
import { DuckDBDataChunk } from '@duckdb/node-api';
import { toUtf8 } from '#core/kernel/index.ts';
import { jsonField } from '../json-column.ts';
import { engineValueJson, engineValueText } from './engine-value.ts';
import { createTextCollector } from './text-reader.ts';

/** One column of a result, collected chunk by chunk. */
export interface ResultColumn {
  readonly field: Field;
  append(chunk: duckdb.DataChunk, columnIndex: number, rowCount: number): void;
  /** Bytes held. */
  readonly byteCount: number;
  /** The rows so far as one Arrow array; starts anew. */
  take(): Data;
}

const { Type } = duckdb;

const FIXED: Partial<Record<duckdb.Type, readonly [type: () => DataType, width: number]>> = {
  [Type.TINYINT]: [() => new Int8(), 1],
  [Type.SMALLINT]: [() => new Int16(), 2],
  [Type.INTEGER]: [() => new Int32(), 4],
  [Type.BIGINT]: [() => new Int64(), 8],
  [Type.UTINYINT]: [() => new Uint8(), 1],
  [Type.USMALLINT]: [() => new Uint16(), 2],
  [Type.UINTEGER]: [() => new Uint32(), 4],
  [Type.UBIGINT]: [() => new Uint64(), 8],
  [Type.FLOAT]: [() => new Float32(), 4],
  [Type.DOUBLE]: [() => new Float64(), 8],
  [Type.DATE]: [() => new DateDay(), 4],
  [Type.TIME]: [() => new TimeMicrosecond(), 8],
  [Type.TIME_NS]: [() => new TimeNanosecond(), 8],
  [Type.TIMESTAMP_S]: [() => new Timestamp(TimeUnit.SECOND, null), 8],
  [Type.TIMESTAMP_MS]: [() => new Timestamp(TimeUnit.MILLISECOND, null), 8],
  [Type.TIMESTAMP]: [() => new Timestamp(TimeUnit.MICROSECOND, null), 8],
  [Type.TIMESTAMP_NS]: [() => new Timestamp(TimeUnit.NANOSECOND, null), 8],
  [Type.TIMESTAMP_TZ]: [() => new Timestamp(TimeUnit.MICROSECOND, 'UTC'), 8],
  [Type.HUGEINT]: [() => new Decimal(0, 38, 128), 16],
};

/**
 * The column of a result in Arrow: types with a counterpart keep it, HUGEINT becomes a decimal of 38 digits, lists,
 * structs, maps and unions become JSON text that says so in the field's metadata, everything else text.
 */
export function createResultColumn(name: string, type: duckdb.LogicalType, rowCountMax: number): ResultColumn {
  const typeId = duckdb.get_type_id(type);
  const fixed = FIXED[typeId];
  if (fixed) return fixedColumn(new Field(name, fixed[0](), true), fixed[1], rowCountMax);
  switch (typeId) {
    case Type.BOOLEAN:
      return fixedColumn(new Field(name, new Bool(), true), 1, rowCountMax, packBits);
    case Type.DECIMAL:
      return decimalColumn(name, type, rowCountMax);
    case Type.INTERVAL:
      return fixedColumn(new Field(name, new IntervalMonthDayNano(), true), 16, rowCountMax, toNanoseconds);
    case Type.VARCHAR: {
      const isJson = duckdb.logical_type_get_alias(type) === 'JSON';
      return textColumn(isJson ? jsonField(name) : new Field(name, new Utf8(), true), rowCountMax);
    }
    case Type.ENUM:
      return enumColumn(name, type, rowCountMax);
    case Type.BLOB:
      return textColumn(new Field(name, new Binary(), true), rowCountMax);
    case Type.SQLNULL:
      return nullColumn(name);
    case Type.LIST:
    case Type.STRUCT:
    case Type.MAP:
    case Type.ARRAY:
    case Type.UNION:
    case Type.VARIANT:
      return printedColumn(jsonField(name), rowCountMax, engineValueJson);
    default:
      return printedColumn(new Field(name, new Utf8(), true), rowCountMax, engineValueText);
  }
}

/** Bits that tell which rows have a value, gathered from chunks of any length. */
class Validity {
  readonly #bits: Uint8Array;
  #rows = 0;
  #nulls = 0;

  constructor(rowCountMax: number) {
    this.#bits = new Uint8Array((rowCountMax + 7) >> 3);
  }

  /** Returns a test for rows without a value, or undefined when all have one. */
  append(vector: duckdb.Vector, rowCount: number): ((row: number) => boolean) | undefined {
    const source = duckdb.vector_get_validity(vector, ((rowCount + 63) >> 6) * 8) as Uint8Array | null;
    const start = this.#rows;
    this.#rows += rowCount;
    if (!source) {
      this.#fill(start, rowCount);
      return undefined;
    }
    const isNull = (row: number) => (source[row >> 3]! & (1 << (row & 7))) === 0;
    for (let row = 0; row < rowCount; row++) {
      if (isNull(row)) this.#nulls += 1;
      else this.#bits[(start + row) >> 3]! |= 1 << ((start + row) & 7);
    }
    return isNull;
  }

  /** Marks rows that all have a value, whole bytes at once. */
  #fill(start: number, rowCount: number): void {
    const end = start + rowCount;
    let row = start;
    for (; row < end && (row & 7) !== 0; row++) this.#bits[row >> 3]! |= 1 << (row & 7);
    const wholeEnd = end & ~7;
    if (wholeEnd > row) {
      this.#bits.fill(0xff, row >> 3, wholeEnd >> 3);
      row = wholeEnd;
    }
    for (; row < end; row++) this.#bits[row >> 3]! |= 1 << (row & 7);
  }

  take(): { length: number; nullCount: number; nullBitmap: Uint8Array | undefined } {
    const length = this.#rows;
    const nullCount = this.#nulls;
    const nullBitmap = nullCount === 0 ? undefined : this.#bits.slice(0, (length + 7) >> 3);
    this.#bits.fill(0);
    this.#rows = 0;
    this.#nulls = 0;
    return { length, nullCount, nullBitmap };
  }
}

type Convert = (bytes: Uint8Array, rowCount: number) => Uint8Array;

function fixedColumn(field: Field, width: number, rowCountMax: number, convert?: Convert): ResultColumn {
  const validity = new Validity(rowCountMax);
  const type = field.type as DataType;
  let bytes = new Uint8Array(rowCountMax * width);
  let end = 0;
  return {
    field,
    append(chunk, columnIndex, rowCount) {
      const vector = duckdb.data_chunk_get_vector(chunk, columnIndex);
      validity.append(vector, rowCount);
      bytes.set(duckdb.vector_get_data(vector, rowCount * width), end);
      end += rowCount * width;
    },
    get byteCount() {
      return end;
    },
    take() {
      const rows = validity.take();
      const taken = bytes.subarray(0, end);
      const converted = convert ? convert(taken, rows.length) : taken;
      const data = asValues(type, converted);
      bytes = new Uint8Array(rowCountMax * width);
      end = 0;
      return makeData({ type, ...rows, data } as unknown as Parameters<typeof makeData>[0]);
    },
  };
}

const asValues = (type: DataType, bytes: Uint8Array): unknown => {
  const ArrayType = type.ArrayType as Uint8ArrayConstructor;
  return new ArrayType(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / ArrayType.BYTES_PER_ELEMENT);
};

function packBits(bytes: Uint8Array, rowCount: number): Uint8Array {
  const bits = new Uint8Array((rowCount + 7) >> 3);
  for (let row = 0; row < rowCount; row++) if (bytes[row] !== 0) bits[row >> 3]! |= 1 << (row & 7);
  return bits;
}

/** The engine counts the part below a day in microseconds, Arrow in nanoseconds. */
function toNanoseconds(bytes: Uint8Array, rowCount: number): Uint8Array {
  const parts = new BigInt64Array(bytes.buffer, bytes.byteOffset, rowCount * 2);
  for (let row = 0; row < rowCount; row++) parts[row * 2 + 1]! *= 1000n;
  return bytes;
}

function decimalColumn(name: string, type: duckdb.LogicalType, rowCountMax: number): ResultColumn {
  const widths: Partial<Record<duckdb.Type, number>> = { [Type.SMALLINT]: 2, [Type.INTEGER]: 4, [Type.BIGINT]: 8 };
  const width = widths[duckdb.decimal_internal_type(type)] ?? 16;
  const field = new Field(name, new Decimal(duckdb.decimal_scale(type), duckdb.decimal_width(type), 128), true);
  return fixedColumn(
    field,
    width,
    rowCountMax,
    width === 16 ? undefined : (bytes, rowCount) => widen(bytes, width, rowCount),
  );
}

/** Integers of `width` bytes as integers of 16: the sign is repeated upwards. */
function widen(bytes: Uint8Array, width: number, rowCount: number): Uint8Array {
  const wide = new Int32Array(rowCount * 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let row = 0; row < rowCount; row++) {
    const low = width === 2 ? view.getInt16(row * 2, true) : view.getInt32(row * width, true);
    const next = width === 8 ? view.getInt32(row * 8 + 4, true) : low >> 31;
    const sign = next >> 31;
    wide[row * 4] = low;
    wide[row * 4 + 1] = next;
    wide[row * 4 + 2] = sign;
    wide[row * 4 + 3] = sign;
  }
  return new Uint8Array(wide.buffer);
}

function textColumn(field: Field, rowCountMax: number): ResultColumn {
  const validity = new Validity(rowCountMax);
  const texts = createTextCollector(rowCountMax);
  return {
    field,
    append(chunk, columnIndex, rowCount) {
      const vector = duckdb.data_chunk_get_vector(chunk, columnIndex);
      texts.append(vector, rowCount, validity.append(vector, rowCount));
    },
    get byteCount() {
      return texts.byteCount;
    },
    take: () => textData(field, validity, texts),
  };
}

/** An ENUM becomes the texts it stands for. */
function enumColumn(name: string, type: duckdb.LogicalType, rowCountMax: number): ResultColumn {
  const field = new Field(name, new Utf8(), true);
  const validity = new Validity(rowCountMax);
  const texts = createTextCollector(rowCountMax);
  const entries = Array.from({ length: duckdb.enum_dictionary_size(type) }, (_, value) =>
    toUtf8(duckdb.enum_dictionary_value(type, value)),
  );
  const widths: Partial<Record<duckdb.Type, number>> = { [Type.UTINYINT]: 1, [Type.USMALLINT]: 2 };
  const width = widths[duckdb.enum_internal_type(type)] ?? 4;
  return {
    field,
    append(chunk, columnIndex, rowCount) {
      const vector = duckdb.data_chunk_get_vector(chunk, columnIndex);
      const isNull = validity.append(vector, rowCount);
      const bytes = duckdb.vector_get_data(vector, rowCount * width);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let row = 0; row < rowCount; row++) {
        if (isNull?.(row)) texts.appendEmpty();
        else {
          const value =
            width === 1 ? bytes[row]! : width === 2 ? view.getUint16(row * 2, true) : view.getUint32(row * 4, true);
          texts.appendBytes(entries[value]!);
        }
      }
    },
    get byteCount() {
      return texts.byteCount;
    },
    take: () => textData(field, validity, texts),
  };
}

function textData(field: Field, validity: Validity, texts: ReturnType<typeof createTextCollector>): Data {
  const { offsets, bytes } = texts.take();
  const rows = validity.take();
  const parts = { type: field.type, ...rows, valueOffsets: offsets, data: bytes };
  return makeData(parts as unknown as Parameters<typeof makeData>[0]);
}

function printedColumn(
  field: Field,
  rowCountMax: number,
  print: (value: Parameters<typeof engineValueJson>[0]) => string,
): ResultColumn {
  const validity = new Validity(rowCountMax);
  const texts = createTextCollector(rowCountMax);
  return {
    field,
    append(chunk, columnIndex, rowCount) {
      const values = new DuckDBDataChunk(chunk).getColumnVector(columnIndex);
      const isNull = validity.append(duckdb.data_chunk_get_vector(chunk, columnIndex), rowCount);
      for (let row = 0; row < rowCount; row++) {
        if (isNull?.(row)) texts.appendEmpty();
        else texts.appendBytes(toUtf8(print(values.getItem(row))));
      }
    },
    get byteCount() {
      return texts.byteCount;
    },
    take: () => textData(field, validity, texts),
  };
}

function nullColumn(name: string): ResultColumn {
  let rows = 0;
  return {
    field: new Field(name, new Null(), true),
    append(_chunk, _columnIndex, rowCount) {
      rows += rowCount;
    },
    byteCount: 0,
    take() {
      const data = makeData({ type: new Null(), length: rows });
      rows = 0;
      return data;
    },
  };
}
