import type { DataType } from 'apache-arrow';
import { type ColumnBuilder, withValidity } from './column-builder.ts';

/** Writes the bytes of one value to `target` from `at`, where there is room for it; its length, or -1 if it is bad. */
type Transfer = (bytes: Uint8Array, start: number, end: number, target: Uint8Array, at: number) => number;

/** Below this a loop copies faster than a call into the engine. */
const LOOP_BYTES_MAX = 32;

function copyBytes(bytes: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  const length = end - start;
  if (length <= LOOP_BYTES_MAX) for (let i = 0; i < length; i++) target[at + i] = bytes[start + i]!;
  else target.set(bytes.subarray(start, end), at);
  return length;
}

/** A column of byte strings: offsets and one run of bytes that grows. A value is never longer than its text. */
function createBytesColumn(type: DataType, capacity: number, transfer: Transfer): ColumnBuilder {
  let offsets = new Int32Array(capacity + 1);
  let values = new Uint8Array(capacity * 8);
  return withValidity(type, capacity, {
    write(row, bytes, start, end) {
      const at = offsets[row]!;
      const room = at + end - start;
      if (room > values.length) {
        const grown = new Uint8Array(Math.max(values.length * 2, room));
        grown.set(values.subarray(0, at));
        values = grown;
      }
      const length = transfer(bytes, start, end, values, at);
      if (length < 0) return false;
      offsets[row + 1] = at + length;
      return true;
    },
    writeNull(row) {
      offsets[row + 1] = offsets[row]!;
    },
    take(rowCount) {
      const taken = { values: values.subarray(0, offsets[rowCount]!), valueOffsets: offsets.subarray(0, rowCount + 1) };
      offsets = new Int32Array(capacity + 1);
      values = new Uint8Array(Math.max(taken.values.length, capacity));
      return taken;
    },
  });
}

/** Text, byte for byte as it was written. */
export const createTextColumn = (type: DataType, capacity: number): ColumnBuilder =>
  createBytesColumn(type, capacity, copyBytes);

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Text that must be one JSON value. */
export const createJsonColumn = (type: DataType, capacity: number): ColumnBuilder =>
  createBytesColumn(type, capacity, (bytes, start, end, target, at) => {
    try {
      JSON.parse(decoder.decode(bytes.subarray(start, end)));
    } catch {
      return -1;
    }
    return copyBytes(bytes, start, end, target, at);
  });

/** Bytes written as base64 (RFC 4648 §4, with padding). */
export const createBinaryColumn = (type: DataType, capacity: number): ColumnBuilder =>
  createBytesColumn(type, capacity, (bytes, start, end, target, at) => {
    if ((end - start) % 4 !== 0) return -1;
    try {
      const decoded = Uint8Array.from(atob(decoder.decode(bytes.subarray(start, end))), (c) => c.charCodeAt(0));
      target.set(decoded, at);
      return decoded.length;
    } catch {
      return -1;
    }
  });
