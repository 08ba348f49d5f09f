import duckdb from '@duckdb/node-bindings';
import type { Codes, ScanColumn } from './scan-column.ts';

/** Rows of one of the engine's chunks. */
export const VECTOR_ROWS_MAX = duckdb.vector_size();

/** Texts of up to this many bytes lie in the vector itself. */
const INLINE_BYTES_MAX = 12;

const VALUE_BYTES = 16;
const slots = new Uint8Array(VECTOR_ROWS_MAX * VALUE_BYTES);
const words = new Int32Array(slots.buffer);
let scratch = new Uint8Array(2 ** 16);

/**
 * Copies rows of a column into an empty vector of the engine. `rowStart` must be a multiple of 8.
 *
 * Texts longer than 12 bytes are placed with one allocation a call: their bytes are given to the engine as if they were
 * one long text, whose address the engine writes into the vector; each value then points into it. The vector owns that
 * memory, so that it lives exactly as long as the engine needs it.
 */
export function fillVector(vector: duckdb.Vector, column: ScanColumn, rowStart: number, rowCount: number): void {
  const { values } = column;
  if (values.kind === 'fixed') {
    const { bytes, width } = values;
    copy(vector, bytes, rowStart * width, rowCount * width);
  } else {
    if (values.kind === 'text') fillTexts(vector, values.offsets, values.bytes, rowStart, rowCount);
    else fillCodes(vector, values.codes, values.offsets, values.bytes, rowStart, rowCount);
    copy(vector, slots, 0, rowCount * VALUE_BYTES);
  }
  fillValidity(vector, column, rowStart, rowCount);
}

function fillValidity(vector: duckdb.Vector, { validity }: ScanColumn, rowStart: number, rowCount: number): void {
  if (!validity) return;
  duckdb.vector_ensure_validity_writable(vector);
  const start = validity.byteOffset + (rowStart >> 3);
  duckdb.copy_data_to_vector_validity(vector, 0, validity.buffer as ArrayBuffer, start, (rowCount + 7) >> 3);
}

function copy(vector: duckdb.Vector, source: Uint8Array, start: number, byteCount: number): void {
  duckdb.copy_data_to_vector(vector, 0, source.buffer as ArrayBuffer, source.byteOffset + start, byteCount);
}

/** Gives the bytes to the vector and returns where they lie, as the two halves of an address. */
function place(vector: duckdb.Vector, bytes: Uint8Array): { low: number; high: number } {
  duckdb.vector_assign_string_element_len(vector, 0, bytes);
  const slot = duckdb.vector_get_data(vector, VALUE_BYTES);
  const view = new DataView(slot.buffer, slot.byteOffset, VALUE_BYTES);
  return { low: view.getUint32(8, true), high: view.getUint32(12, true) };
}

function writeInline(row: number, bytes: Uint8Array, start: number, length: number): void {
  const at = row * 4;
  words[at] = length;
  words[at + 1] = 0;
  words[at + 2] = 0;
  words[at + 3] = 0;
  const slot = row * VALUE_BYTES + 4;
  for (let k = 0; k < length; k++) slots[slot + k] = bytes[start + k]!;
}

function writePointer(row: number, bytes: Uint8Array, start: number, length: number, low: number, high: number): void {
  const at = row * 4;
  words[at] = length;
  words[at + 1] = bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 24);
  words[at + 2] = low;
  words[at + 3] = low > 0xffff_ffff ? high + 1 : high;
}

function fillTexts(
  vector: duckdb.Vector,
  offsets: Int32Array,
  bytes: Uint8Array,
  rowStart: number,
  rowCount: number,
): void {
  const first = offsets[rowStart]!;
  let longest = 0;
  for (let row = 0; row < rowCount; row++) {
    const length = offsets[rowStart + row + 1]! - offsets[rowStart + row]!;
    if (length > longest) longest = length;
  }
  const { low, high } =
    longest > INLINE_BYTES_MAX
      ? place(vector, bytes.subarray(first, offsets[rowStart + rowCount]!))
      : { low: 0, high: 0 };
  for (let row = 0; row < rowCount; row++) {
    const start = offsets[rowStart + row]!;
    const length = offsets[rowStart + row + 1]! - start;
    if (length <= INLINE_BYTES_MAX) writeInline(row, bytes, start, length);
    else writePointer(row, bytes, start, length, low + (start - first), high);
  }
}

/** The texts of one dictionary as values of the engine; those of more than 12 bytes await their address. */
interface Entries {
  readonly words: Int32Array;
  readonly hasLong: boolean;
  /** Where the entry lies in the bytes placed by the call numbered `placedBy`. */
  readonly placedAt: Int32Array;
  readonly placedBy: Int32Array;
}

/** Prepared once for each dictionary, and gone with it. */
const prepared = new WeakMap<Int32Array, Entries>();
let callNumber = 0;

function entriesOf(offsets: Int32Array, bytes: Uint8Array): Entries {
  const known = prepared.get(offsets);
  if (known) return known;
  const count = offsets.length - 1;
  const values = new Int32Array(count * 4);
  const valueBytes = new Uint8Array(values.buffer);
  let hasLong = false;
  for (let entry = 0; entry < count; entry++) {
    const start = offsets[entry]!;
    const length = offsets[entry + 1]! - start;
    values[entry * 4] = length;
    const inline = length <= INLINE_BYTES_MAX;
    if (!inline) hasLong = true;
    valueBytes.set(bytes.subarray(start, start + (inline ? length : 4)), entry * VALUE_BYTES + 4);
  }
  const long = hasLong ? count : 0;
  const entries = { words: values, hasLong, placedAt: new Int32Array(long), placedBy: new Int32Array(long) };
  prepared.set(offsets, entries);
  return entries;
}

function fillCodes(
  vector: duckdb.Vector,
  codes: Codes,
  offsets: Int32Array,
  bytes: Uint8Array,
  rowStart: number,
  rowCount: number,
): void {
  const { words: entryWords, hasLong, placedAt, placedBy } = entriesOf(offsets, bytes);
  if (entryWords.length === 0) {
    words.fill(0, 0, rowCount * 4);
    return;
  }
  let low = 0;
  let high = 0;
  if (hasLong) {
    callNumber = (callNumber + 1) | 0;
    const long = gatherLong(codes, offsets, bytes, rowStart, rowCount, { placedAt, placedBy });
    if (long.length > 0) ({ low, high } = place(vector, long));
  }
  for (let row = 0, at = 0; row < rowCount; row++, at += 4) {
    const code = codes[rowStart + row]!;
    const from = code << 2;
    const length = entryWords[from]!;
    words[at] = length;
    words[at + 1] = entryWords[from + 1]!;
    if (length > INLINE_BYTES_MAX) {
      const address = low + placedAt[code]!;
      words[at + 2] = address;
      words[at + 3] = address > 0xffff_ffff ? high + 1 : high;
    } else {
      words[at + 2] = entryWords[from + 2]!;
      words[at + 3] = entryWords[from + 3]!;
    }
  }
}

/** The bytes of the long entries that the rows use, each once. */
function gatherLong(
  codes: Codes,
  offsets: Int32Array,
  bytes: Uint8Array,
  rowStart: number,
  rowCount: number,
  { placedAt, placedBy }: Pick<Entries, 'placedAt' | 'placedBy'>,
): Uint8Array {
  let end = 0;
  for (let row = rowStart; row < rowStart + rowCount; row++) {
    const code = codes[row]!;
    if (placedBy[code] === callNumber) continue;
    placedBy[code] = callNumber;
    const start = offsets[code]!;
    const length = offsets[code + 1]! - start;
    if (length <= INLINE_BYTES_MAX) continue;
    if (end + length > scratch.length) {
      const grown = new Uint8Array(Math.max(scratch.length * 2, end + length));
      grown.set(scratch.subarray(0, end));
      scratch = grown;
    }
    if (length < 64) for (let k = 0; k < length; k++) scratch[end + k] = bytes[start + k]!;
    else scratch.set(bytes.subarray(start, start + length), end);
    placedAt[code] = end;
    end += length;
  }
  return scratch.subarray(0, end);
}
