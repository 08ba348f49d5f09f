import { type Data, DataType } from 'apache-arrow';
import { isNumber } from '#core/columnar/index.ts';
import { fromUtf8 } from '#core/kernel/index.ts';

/** How the values of a column are put in order: by number, by the bytes of their text, or not at all. */
export type CellValues =
  | { readonly kind: 'number'; readonly at: (row: number) => number }
  | { readonly kind: 'text'; readonly at: (row: number) => string }
  | { readonly kind: 'opaque' };

/** Texts are told apart by this many bytes; a picture needs no more. */
const TEXT_BYTES = 64;

/** Reads the values of an array that starts at row 0; slots under nulls give anything. */
export function cellValues(data: Data): CellValues {
  const type = data.type as DataType;
  if (DataType.isBool(type)) {
    const bits = data.values as Uint8Array;
    return { kind: 'number', at: (row) => (bits[row >> 3]! >> (row & 7)) & 1 };
  }
  if (DataType.isDictionary(type)) {
    const entries = data.dictionary?.data[0];
    const inner: CellValues = entries ? cellValues(entries) : { kind: 'opaque' };
    const codes = data.values as Int32Array;
    if (inner.kind === 'opaque') return inner;
    return { kind: inner.kind, at: (row: number) => inner.at(Number(codes[row])) } as CellValues;
  }
  if (DataType.isFloat(type) && type.precision === 0) return { kind: 'number', at: (row) => halfOf(data, row) };
  if (DataType.isDecimal(type)) return { kind: 'number', at: decimals(data, type.bitWidth / 32, type.scale) };
  if (isNumber(type)) {
    const values = data.values as Float64Array | BigInt64Array;
    return { kind: 'number', at: (row) => Number(values[row]) };
  }
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isBinary(type) || DataType.isLargeBinary(type)) {
    const offsets = data.valueOffsets as Int32Array | BigInt64Array;
    const bytes = data.values as Uint8Array;
    const utf8 = DataType.isUtf8(type) || DataType.isLargeUtf8(type);
    return {
      kind: 'text',
      at(row) {
        const start = Number(offsets[row]);
        const cut = bytes.subarray(start, Math.min(Number(offsets[row + 1]), start + TEXT_BYTES));
        return utf8 ? fromUtf8(cut) : Array.from(cut, (byte) => byte.toString(16).padStart(2, '0')).join('');
      },
    };
  }
  return { kind: 'opaque' };
}

function halfOf(data: Data, row: number): number {
  const bits = (data.values as Uint16Array)[row]!;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits >> 15 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Decimals as doubles, `words` little-endian words of 32 bits each. */
function decimals(data: Data, words: number, scale: number): (row: number) => number {
  const values = new Int32Array((data.values as Uint32Array).buffer, (data.values as Uint32Array).byteOffset);
  return (row) => {
    let value: number = values[(row + 1) * words - 1]!;
    for (let k = words - 2; k >= 0; k--) value = value * 2 ** 32 + (values[row * words + k]! >>> 0);
    return value / 10 ** scale;
  };
}
