import { isAscii, isUtf8 } from 'node:buffer';
import { type Data, DataType, TimeUnit } from 'apache-arrow';
import { concatBytes, GranaryError } from '#core/kernel/index.ts';
import { createPrinter, isNullAt } from '../print-value.ts';
import { halfToNumber } from '../numbers.ts';
import { engineTypeOf } from './duckdb-types.ts';

/** A column of rows in the layout of the engine's vectors, ready to be copied. Plain data: may go between threads. */
export interface ScanColumn {
  readonly rowCount: number;
  /** Bit i of the bytes is 1 when row i has a value; absent when all have one. */
  readonly validity: Uint8Array | undefined;
  readonly values: ScanValues;
  /** Memory it holds. */
  readonly byteCount: number;
}

export type ScanValues =
  | { readonly kind: 'fixed'; readonly width: number; readonly bytes: Uint8Array }
  | { readonly kind: 'text'; readonly offsets: Int32Array; readonly bytes: Uint8Array }
  /** Row i is entry `codes[i]` of the texts. */
  | { readonly kind: 'codes'; readonly codes: Codes; readonly offsets: Int32Array; readonly bytes: Uint8Array };

export type Codes = Uint8Array | Uint16Array | Int32Array;

const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Lays an Arrow array out for the engine. Errors: `QUERY_FAILED` naming the column when a value does not fit. */
export function toScanColumn(data: Data, columnName: string): ScanColumn {
  const rowCount = data.length;
  const validity = validityOf(data);
  const values = scanValues(data, columnName);
  return { rowCount, validity, values, byteCount: (validity?.byteLength ?? 0) + valuesByteCount(values) };
}

function valuesByteCount(values: ScanValues): number {
  if (values.kind === 'fixed') return values.bytes.byteLength;
  const codes = values.kind === 'codes' ? values.codes.byteLength : 0;
  return codes + values.offsets.byteLength + values.bytes.byteLength;
}

/** The bits from row 0 on, in bytes of their own when the array starts elsewhere. */
function validityOf(data: Data): Uint8Array | undefined {
  if (DataType.isNull(data.type as DataType)) return new Uint8Array((data.length + 7) >> 3);
  if (data.nullCount === 0 || !data.nullBitmap || data.nullBitmap.length === 0) return undefined;
  return bitsFrom(data.nullBitmap, data.offset, data.length);
}

function bitsFrom(bits: Uint8Array, offset: number, count: number): Uint8Array {
  const byteCount = (count + 7) >> 3;
  const start = offset >> 3;
  const shift = offset & 7;
  if (shift === 0) return bits.subarray(start, start + byteCount);
  const shifted = new Uint8Array(byteCount);
  for (let i = 0; i < byteCount; i++)
    shifted[i] = (bits[start + i]! >> shift) | ((bits[start + i + 1] ?? 0) << (8 - shift));
  return shifted;
}

function scanValues(data: Data, columnName: string): ScanValues {
  const type = data.type as DataType;
  if (DataType.isDictionary(type)) return dictionaryValues(data, columnName);
  const { layout } = engineTypeOf(type);
  if (layout.kind === 'fixed')
    return { kind: 'fixed', width: layout.width, bytes: fixedBytes(data, layout.width, columnName) };
  if (DataType.isUtf8(type) || DataType.isBinary(type)) {
    return checkedTexts(
      data.valueOffsets as Int32Array,
      data.values as Uint8Array,
      data.length,
      layout.kind,
      columnName,
    );
  }
  if (DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) {
    const offsets = Int32Array.from(data.valueOffsets as unknown as BigInt64Array, Number);
    return checkedTexts(offsets, data.values as Uint8Array, data.length, layout.kind, columnName);
  }
  if (DataType.isFixedSizeBinary(type)) {
    const { byteWidth } = type;
    const offsets = Int32Array.from({ length: data.length + 1 }, (_, row) => row * byteWidth);
    return { kind: 'text', offsets, bytes: (data.values as Uint8Array).subarray(0, data.length * byteWidth) };
  }
  return printedValues(data);
}

const isCodes = (values: unknown): values is Codes =>
  values instanceof Uint8Array || values instanceof Uint16Array || values instanceof Int32Array;

function dictionaryValues(data: Data, columnName: string): ScanValues {
  const chunks = data.dictionary?.data ?? [];
  const [entries] = chunks;
  if (!entries || chunks.length > 1 || entries.nullCount > 0) return printedValues(data);
  const values = scanValues(entries, columnName);
  const codes = isCodes(data.values) ? data.values : Int32Array.from(data.values as Int16Array, Number);
  if (values.kind === 'text') return { ...values, kind: 'codes', codes: codes.subarray(0, data.length) };
  if (values.kind === 'codes') return printedValues(data);
  const bytes = new Uint8Array(data.length * values.width);
  for (let row = 0; row < data.length; row++) {
    const start = codes[row]! * values.width;
    bytes.set(values.bytes.subarray(start, start + values.width), row * values.width);
  }
  return { kind: 'fixed', width: values.width, bytes };
}

/** Texts whose bytes were checked: the engine trusts what it is given to be UTF-8. */
function checkedTexts(
  offsets: Int32Array,
  bytes: Uint8Array,
  rowCount: number,
  kind: 'text' | 'blob',
  columnName: string,
): ScanValues {
  const start = offsets[0] ?? 0;
  const end = offsets[rowCount] ?? start;
  const own = bytes.subarray(start, end);
  const shifted =
    start === 0 ? offsets.subarray(0, rowCount + 1) : offsets.subarray(0, rowCount + 1).map((at) => at - start);
  if (kind === 'text' && !isAscii(own)) {
    const splits = shifted.some((at) => at < own.length && (own[at]! & 0xc0) === 0x80);
    if (splits || !isUtf8(own)) {
      throw new GranaryError('QUERY_FAILED', `Column "${columnName}" holds text that is not UTF-8.`, {
        column: columnName,
      });
    }
  }
  return { kind: 'text', offsets: rowCount === 0 ? new Int32Array(1) : shifted, bytes: own };
}

/** Values that SQL sees as text: nested ones as JSON, wide decimals as digits. */
function printedValues(data: Data): ScanValues {
  const print = createPrinter(data, 'text');
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  const offsets = new Int32Array(data.length + 1);
  for (let row = 0; row < data.length; row++) {
    const part = isNullAt(data, row) ? undefined : encoder.encode(print(row));
    if (part) parts.push(part);
    offsets[row + 1] = offsets[row]! + (part?.length ?? 0);
  }
  return { kind: 'text', offsets, bytes: concatBytes(parts) };
}

function fixedBytes(data: Data, width: number, columnName: string): Uint8Array {
  const type = data.type as DataType;
  const { length } = data;
  if (DataType.isNull(type)) return new Uint8Array(length * width);
  if (DataType.isBool(type)) return boolBytes(data);
  const values = data.values as Int32Array;
  if (DataType.isDecimal(type)) return decimalBytes(bytesOf(values), length, width, type.bitWidth / 8);
  if (DataType.isFloat(type) && type.precision === 0) {
    return bytesOf(Float32Array.from((values as unknown as Uint16Array).subarray(0, length), halfToNumber));
  }
  const scale = scaleOf(type);
  if (scale !== undefined)
    return scaledBytes(values as unknown as ArrayLike<number | bigint>, length, scale, columnName);
  if (DataType.isDate(type) && type.unit === 1) {
    const milliseconds = values as unknown as BigInt64Array;
    return bytesOf(Int32Array.from({ length }, (_, row) => Number(milliseconds[row]! / 86_400_000n)));
  }
  if (DataType.isInterval(type)) return intervalBytes(values, length, type.unit);
  if (DataType.isDuration(type) && type.unit !== TimeUnit.NANOSECOND) {
    return durationBytes(values as unknown as BigInt64Array, length, type.unit);
  }
  return bytesOf(values).subarray(0, length * width);
}

function boolBytes(data: Data): Uint8Array {
  const bits = data.values as Uint8Array;
  const bytes = new Uint8Array(data.length);
  for (let row = 0; row < data.length; row++) {
    const bit = row + data.offset;
    bytes[row] = (bits[bit >> 3]! >> (bit & 7)) & 1;
  }
  return bytes;
}

/** Little-endian integers cut to the width of the engine: what is cut is the repeated sign. */
function decimalBytes(source: Uint8Array, rowCount: number, width: number, sourceWidth: number): Uint8Array {
  if (width === sourceWidth) return source.subarray(0, rowCount * width);
  const bytes = new Uint8Array(rowCount * width);
  for (let row = 0; row < rowCount; row++) {
    for (let k = 0; k < width; k++) bytes[row * width + k] = source[row * sourceWidth + k]!;
  }
  return bytes;
}

/** Factor from the unit of the column to that of the engine's type, where they differ. */
function scaleOf(type: DataType): bigint | undefined {
  if (DataType.isTime(type)) {
    return {
      [TimeUnit.SECOND]: 1_000_000n,
      [TimeUnit.MILLISECOND]: 1000n,
      [TimeUnit.MICROSECOND]: undefined,
      [TimeUnit.NANOSECOND]: undefined,
    }[type.unit];
  }
  if (DataType.isTimestamp(type) && type.timezone) {
    return {
      [TimeUnit.SECOND]: 1_000_000n,
      [TimeUnit.MILLISECOND]: 1000n,
      [TimeUnit.MICROSECOND]: undefined,
      [TimeUnit.NANOSECOND]: undefined,
    }[type.unit];
  }
  return undefined;
}

function scaledBytes(
  values: ArrayLike<number | bigint>,
  rowCount: number,
  scale: bigint,
  columnName: string,
): Uint8Array {
  const scaled = new BigInt64Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    const value = BigInt(values[row]!) * scale;
    scaled[row] = value;
    if (scaled[row] !== value) {
      throw new GranaryError('QUERY_FAILED', `Column "${columnName}" holds a time outside what SQL can express.`, {
        column: columnName,
      });
    }
  }
  return bytesOf(scaled);
}

/** The engine's interval: months and days of 32 bits, microseconds of 64. */
function intervalBytes(values: Int32Array, rowCount: number, unit: number): Uint8Array {
  const bytes = new Uint8Array(rowCount * 16);
  const view = new DataView(bytes.buffer);
  const source = new DataView(values.buffer, values.byteOffset, values.byteLength);
  for (let row = 0; row < rowCount; row++) {
    if (unit === 0) view.setInt32(row * 16, source.getInt32(row * 4, true), true);
    else if (unit === 1) {
      view.setInt32(row * 16 + 4, source.getInt32(row * 8, true), true);
      view.setBigInt64(row * 16 + 8, BigInt(source.getInt32(row * 8 + 4, true)) * 1000n, true);
    } else {
      view.setInt32(row * 16, source.getInt32(row * 16, true), true);
      view.setInt32(row * 16 + 4, source.getInt32(row * 16 + 4, true), true);
      view.setBigInt64(row * 16 + 8, source.getBigInt64(row * 16 + 8, true) / 1000n, true);
    }
  }
  return bytes;
}

function durationBytes(values: BigInt64Array, rowCount: number, unit: TimeUnit): Uint8Array {
  const scale = unit === TimeUnit.SECOND ? 1_000_000n : unit === TimeUnit.MILLISECOND ? 1000n : 1n;
  const bytes = new Uint8Array(rowCount * 16);
  const view = new DataView(bytes.buffer);
  for (let row = 0; row < rowCount; row++) view.setBigInt64(row * 16 + 8, values[row]! * scale, true);
  return bytes;
}
