import { type Data, DataType } from 'apache-arrow';
import { GranaryError, toHex } from '#core/kernel/index.ts';
import { dateText, durationText, timeText, timestampText } from './calendar-text.ts';
import { decimalText, doubleText, floatText, halfToNumber, wideInteger } from './numbers.ts';

/** Prints the value in a row of one Arrow array. Not to be called for a row without a value. */
export type PrintValue = (row: number) => string;

/** How a value reads: `text` for tables and CSV, `json` as a JSON token. */
export type PrintStyle = 'text' | 'json';

/** Decimal digits of a second by Arrow's time unit. */
const UNIT_DIGITS = [0, 3, 6, 9] as const;

/** The engine's marks for dates and times without end. */
const DATE_INFINITY = 2 ** 31 - 1;
const TIMESTAMP_INFINITY = 2n ** 63n - 1n;

export const isNullAt = (data: Data, row: number): boolean => {
  if (DataType.isNull(data.type as DataType)) return true;
  if (data.nullCount === 0 || !data.nullBitmap || data.nullBitmap.length === 0) return false;
  const bit = row + data.offset;
  return (data.nullBitmap[bit >> 3]! & (1 << (bit & 7))) === 0;
};

/** Bytes turned to characters at once: more arguments than this overflow the stack. */
const CHARACTERS_AT_ONCE = 2 ** 13;

function base64(bytes: Uint8Array): string {
  let characters = '';
  for (let at = 0; at < bytes.length; at += CHARACTERS_AT_ONCE) {
    characters += String.fromCharCode(...bytes.subarray(at, at + CHARACTERS_AT_ONCE));
  }
  return btoa(characters);
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * A printer for one Arrow array. Text is exact: every digit of integers, decimals and times, floats in the fewest digits
 * that read back the same. Lists are JSON arrays, structs and maps JSON objects, in both styles; binary is base64 in
 * JSON and `\x` with hexadecimal digits in text; dates and times are ISO 8601, durations ISO 8601 periods.
 */
export function createPrinter(data: Data, style: PrintStyle): PrintValue {
  const type = data.type as DataType;
  if (DataType.isDictionary(type)) return dictionaryPrinter(data, style);
  const quote =
    style === 'json'
      ? (print: PrintValue): PrintValue =>
          (row) =>
            `"${print(row)}"`
      : (print: PrintValue) => print;
  if (DataType.isNull(type)) return () => 'null';
  if (DataType.isBool(type)) return boolPrinter(data);
  if (DataType.isInt(type)) {
    const values = data.values as Int32Array;
    return (row) => String(values[row]);
  }
  if (DataType.isFloat(type)) return floatPrinter(data, type.precision, style);
  if (DataType.isDecimal(type)) return decimalPrinter(data, type.bitWidth / 8, type.scale);
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) {
    const bytesAt = bytesReader(data);
    return style === 'json'
      ? (row) => JSON.stringify(decoder.decode(bytesAt(row)))
      : (row) => decoder.decode(bytesAt(row));
  }
  if (DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isFixedSizeBinary(type)) {
    const bytesAt = bytesReader(data);
    return quote(style === 'json' ? (row) => base64(bytesAt(row)) : (row) => `\\x${toHex(bytesAt(row))}`);
  }
  const temporal = temporalPrinter(data, type);
  return temporal ? quote(temporal) : nestedPrinter(data, type);
}

function dictionaryPrinter(data: Data, style: PrintStyle): PrintValue {
  const chunks = data.dictionary?.data ?? [];
  const printers = chunks.map((chunk) => createPrinter(chunk, style));
  const codes = data.values as Int32Array;
  return (row) => {
    let code = Number(codes[row]);
    for (const [index, chunk] of chunks.entries()) {
      if (code < chunk.length) return isNullAt(chunk, code) ? 'null' : printers[index]!(code);
      code -= chunk.length;
    }
    throw new GranaryError('INTERNAL', `A dictionary has no entry ${Number(codes[row])}.`);
  };
}

function boolPrinter(data: Data): PrintValue {
  const bits = data.values as Uint8Array;
  return (row) => {
    const bit = row + data.offset;
    return (bits[bit >> 3]! & (1 << (bit & 7))) === 0 ? 'false' : 'true';
  };
}

/** JSON has no NaN and no infinities: they become the strings "NaN", "Infinity", "-Infinity". */
function floatPrinter(data: Data, precision: number, style: PrintStyle): PrintValue {
  const values = data.values as Float64Array;
  const print =
    precision === 2
      ? (row: number) => doubleText(values[row]!)
      : (row: number) => floatText(precision === 0 ? halfToNumber(values[row]!) : values[row]!);
  if (style === 'text') return print;
  return (row) => {
    const text = print(row);
    return text.endsWith('N') || text.endsWith('y') ? `"${text}"` : text;
  };
}

function decimalPrinter(data: Data, width: number, scale: number): PrintValue {
  const values = data.values as Uint32Array;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return (row) => decimalText(wideInteger(bytes.subarray(row * width, row * width + width)), scale);
}

/** The bytes of a row of text or binary. */
export function bytesReader(data: Data): (row: number) => Uint8Array {
  const type = data.type as DataType;
  const bytes = data.values as Uint8Array;
  if (DataType.isFixedSizeBinary(type)) {
    const { byteWidth } = type;
    return (row) => bytes.subarray(row * byteWidth, row * byteWidth + byteWidth);
  }
  const offsets = data.valueOffsets as Int32Array;
  return (row) => bytes.subarray(Number(offsets[row]), Number(offsets[row + 1]));
}

function temporalPrinter(data: Data, type: DataType): PrintValue | undefined {
  if (DataType.isDate(type)) {
    const values = data.values as unknown as ArrayLike<number | bigint>;
    return type.unit === 0
      ? (row) => endless(BigInt(values[row]!), BigInt(DATE_INFINITY)) ?? dateText(Number(values[row]))
      : (row) => dateText(Math.floor(Number(values[row]) / 86_400_000));
  }
  const values = data.values as unknown as ArrayLike<number | bigint>;
  if (DataType.isTime(type)) return (row) => timeText(BigInt(values[row]!), UNIT_DIGITS[type.unit]);
  if (DataType.isTimestamp(type)) {
    const zone = type.timezone ? 'Z' : '';
    return (row) => {
      const value = BigInt(values[row]!);
      return endless(value, TIMESTAMP_INFINITY) ?? timestampText(value, UNIT_DIGITS[type.unit]) + zone;
    };
  }
  if (DataType.isDuration(type)) return (row) => durationText(0, 0, BigInt(values[row]!), UNIT_DIGITS[type.unit]);
  if (DataType.isInterval(type)) return intervalPrinter(data, type.unit);
  return undefined;
}

const endless = (value: bigint, infinity: bigint): string | undefined =>
  value === infinity ? 'infinity' : value === -infinity ? '-infinity' : undefined;

function intervalPrinter(data: Data, unit: number): PrintValue {
  const values = data.values as Int32Array;
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  if (unit === 0) return (row) => durationText(view.getInt32(row * 4, true), 0, 0n, 0);
  if (unit === 1) {
    return (row) => durationText(0, view.getInt32(row * 8, true), BigInt(view.getInt32(row * 8 + 4, true)), 3);
  }
  return (row) => {
    const at = row * 16;
    return durationText(view.getInt32(at, true), view.getInt32(at + 4, true), view.getBigInt64(at + 8, true), 9);
  };
}

function nestedPrinter(data: Data, type: DataType): PrintValue {
  const children = data.children.map((child) => {
    const print = createPrinter(child, 'json');
    return (row: number) => (isNullAt(child, row) ? 'null' : print(row));
  });
  const [child] = children;
  if (DataType.isStruct(type)) {
    const names = type.children.map((field) => JSON.stringify(field.name));
    // A struct's children are cut when the struct is, so that row numbers agree.
    return (row) => `{${names.map((name, i) => `${name}:${children[i]!(row)}`).join(',')}}`;
  }
  if (DataType.isList(type) || DataType.isLargeList(type)) {
    const offsets = data.valueOffsets as Int32Array;
    return (row) => `[${range(Number(offsets[row]), Number(offsets[row + 1]), child!)}]`;
  }
  if (DataType.isFixedSizeList(type)) {
    const { listSize } = type;
    return (row) => `[${range(row * listSize, row * listSize + listSize, child!)}]`;
  }
  if (DataType.isMap(type)) return mapPrinter(data);
  if (DataType.isUnion(type)) {
    const index = new Map([...type.typeIds].map((id, i) => [id, i]));
    const dense = DataType.isDenseUnion(type) ? (data.valueOffsets as Int32Array) : undefined;
    return (row) => children[index.get(data.typeIds[row]!)!]!(dense ? dense[row]! : row);
  }
  throw new GranaryError('UNSUPPORTED', `Values of the type ${type} cannot be printed.`);
}

const range = (start: number, end: number, print: PrintValue): string => {
  const parts: string[] = [];
  for (let i = start; i < end; i++) parts.push(print(i));
  return parts.join(',');
};

/** Keys that are not text are printed as text, because JSON objects have no others. */
function mapPrinter(data: Data): PrintValue {
  const entries = data.children[0]!;
  const [keys, values] = entries.children as [Data, Data];
  const printKey = createPrinter(keys, 'text');
  const printOne = createPrinter(values, 'json');
  const offsets = data.valueOffsets as Int32Array;
  const printEntry = (at: number) => `${JSON.stringify(printKey(at))}:${isNullAt(values, at) ? 'null' : printOne(at)}`;
  return (row) => `{${range(Number(offsets[row]), Number(offsets[row + 1]), printEntry)}}`;
}
