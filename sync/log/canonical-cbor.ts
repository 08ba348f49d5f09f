/**
 * The part of CBOR (RFC 8949) that operations use: definite-length arrays, byte and text strings, unsigned integers and
 * booleans, each in the one deterministic form of RFC 8949 §4.2.1. Reading accepts that form only, so whatever was read encodes to
 * the same bytes again. The reader is told what must come next; it neither recurses nor allocates by announced lengths.
 */
import { concatBytes, fromUtf8, toUtf8 } from '#core/kernel/index.ts';
import { operationInvalid } from './operation-invalid.ts';

const MAJOR = { unsigned: 0, bytes: 2, text: 3, array: 4, simple: 7 } as const;
const MAJOR_NAMES = [
  'an unsigned integer',
  'a negative integer',
  'a byte string',
  'a text string',
  'an array',
  'a map',
  'a tag',
  'a simple value or float',
];
const SIMPLE_FALSE = 0xf4;
const SIMPLE_TRUE = 0xf5;

/** The first bytes of an item: its major type and its value or length in the shortest form. */
function encodeHead(major: number, value: number | bigint): Uint8Array {
  const type = major << 5;
  if (value < 24) return Uint8Array.of(type | Number(value));
  const [info, byteCount] = value < 2 ** 8 ? [24, 1] : value < 2 ** 16 ? [25, 2] : value < 2 ** 32 ? [26, 4] : [27, 8];
  const head = new Uint8Array(1 + byteCount);
  head[0] = type | info;
  const view = new DataView(head.buffer);
  if (byteCount === 8) view.setBigUint64(1, BigInt(value));
  else if (byteCount === 4) view.setUint32(1, Number(value));
  else if (byteCount === 2) view.setUint16(1, Number(value));
  else head[1] = Number(value);
  return head;
}

/** `value` is a whole number from 0 to 2^64 - 1. */
export const encodeUnsigned = (value: number | bigint): Uint8Array => encodeHead(MAJOR.unsigned, value);

export const encodeByteString = (bytes: Uint8Array): Uint8Array =>
  concatBytes([encodeHead(MAJOR.bytes, bytes.length), bytes]);

export function encodeText(text: string): Uint8Array {
  const bytes = toUtf8(text);
  return concatBytes([encodeHead(MAJOR.text, bytes.length), bytes]);
}

export const encodeBoolean = (value: boolean): Uint8Array => Uint8Array.of(value ? SIMPLE_TRUE : SIMPLE_FALSE);

/** `items` are encoded already. */
export const encodeArray = (items: readonly Uint8Array[]): Uint8Array =>
  concatBytes([encodeHead(MAJOR.array, items.length), ...items]);

/** A place in bytes that moves forward as items are read. */
export interface CborCursor {
  readonly bytes: Uint8Array;
  offset: number;
}

function readByte(cursor: CborCursor): number {
  const byte = cursor.bytes[cursor.offset];
  if (byte === undefined) throw operationInvalid('its bytes end early', { offset: cursor.offset });
  cursor.offset += 1;
  return byte;
}

/**
 * Reads the head of an item of the given type; a bigint only where it takes eight bytes. Errors: `OPERATION_INVALID` for
 * another type or a longer form.
 */
function readHead(cursor: CborCursor, major: number): number | bigint {
  const offset = cursor.offset;
  const first = readByte(cursor);
  if (first >> 5 !== major) {
    throw operationInvalid(`expected ${MAJOR_NAMES[major]} at byte ${offset}, found ${MAJOR_NAMES[first >> 5]}`, {
      offset,
    });
  }
  const info = first & 31;
  if (info < 24) return info;
  if (info > 27) throw operationInvalid(`indefinite or reserved length at byte ${offset}`, { offset });
  const byteCount = 2 ** (info - 24);
  let value: number | bigint = readNumber(cursor, Math.min(byteCount, 4));
  if (byteCount === 8) value = (BigInt(value) << 32n) | BigInt(readNumber(cursor, 4));
  const smallest = byteCount === 1 ? 24 : 2 ** (4 * byteCount);
  if (value < smallest) throw operationInvalid(`number not in its shortest form at byte ${offset}`, { offset });
  return value;
}

/** A number of up to four bytes, big endian. */
function readNumber(cursor: CborCursor, byteCount: number): number {
  let value = 0;
  for (let i = 0; i < byteCount; i++) value = value * 256 + readByte(cursor);
  return value;
}

/** Reads an unsigned integer of at most `max`. Errors: `OPERATION_INVALID`. */
export function readUnsigned(cursor: CborCursor, max: bigint): bigint {
  const offset = cursor.offset;
  const value = BigInt(readHead(cursor, MAJOR.unsigned));
  if (value > max) throw operationInvalid(`number over ${max} at byte ${offset}`, { offset });
  return value;
}

/** Reads a byte string of exactly `byteCount` bytes; the result is a copy. Errors: `OPERATION_INVALID`. */
export function readByteString(cursor: CborCursor, byteCount: number): Uint8Array {
  const offset = cursor.offset;
  const length = readHead(cursor, MAJOR.bytes);
  if (length !== byteCount) {
    throw operationInvalid(`byte string of ${length} instead of ${byteCount} bytes at byte ${offset}`, { offset });
  }
  return take(cursor, byteCount);
}

/** Reads a byte string of at most `byteCountMax` bytes; the result is a copy. Errors: `OPERATION_INVALID`. */
export function readBytesUpTo(cursor: CborCursor, byteCountMax: number): Uint8Array {
  return take(cursor, readLength(cursor, MAJOR.bytes, byteCountMax));
}

/** The same without a copy, for bytes that are used up at once: what is kept of a view keeps all that it is a view of. */
export function viewBytesUpTo(cursor: CborCursor, byteCountMax: number): Uint8Array {
  return view(cursor, readLength(cursor, MAJOR.bytes, byteCountMax));
}

/** Reads a text string of at most `byteCountMax` bytes of UTF-8. Errors: `OPERATION_INVALID`. */
export function readTextUpTo(cursor: CborCursor, byteCountMax: number): string {
  const offset = cursor.offset;
  const bytes = view(cursor, readLength(cursor, MAJOR.text, byteCountMax));
  // A decoder drops a byte order mark, and what was read must encode to the same bytes again.
  const startsWithMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  try {
    if (!startsWithMark) return fromUtf8(bytes);
  } catch {
    // Refused below.
  }
  throw operationInvalid(`text at byte ${offset} is not plain UTF-8`, { offset });
}

function readLength(cursor: CborCursor, major: number, max: number): number {
  const offset = cursor.offset;
  const length = readHead(cursor, major);
  if (length > max) throw operationInvalid(`string over ${max} bytes at byte ${offset}`, { offset });
  return Number(length);
}

const take = (cursor: CborCursor, byteCount: number): Uint8Array =>
  cursor.bytes.slice(cursor.offset, pass(cursor, byteCount));

const view = (cursor: CborCursor, byteCount: number): Uint8Array =>
  cursor.bytes.subarray(cursor.offset, pass(cursor, byteCount));

/** Moves behind so many bytes and returns where that is. */
function pass(cursor: CborCursor, byteCount: number): number {
  const end = cursor.offset + byteCount;
  if (end > cursor.bytes.length) throw operationInvalid('its bytes end early', { offset: cursor.bytes.length });
  cursor.offset = end;
  return end;
}

/** Errors: `OPERATION_INVALID`. */
export function readBoolean(cursor: CborCursor): boolean {
  const offset = cursor.offset;
  const byte = readByte(cursor);
  if (byte !== SIMPLE_TRUE && byte !== SIMPLE_FALSE) {
    throw operationInvalid(`expected a boolean at byte ${offset}`, { offset });
  }
  return byte === SIMPLE_TRUE;
}

/** Reads the head of an array and returns how many items follow. Errors: `OPERATION_INVALID`. */
export function readArrayLength(cursor: CborCursor): bigint {
  return BigInt(readHead(cursor, MAJOR.array));
}

/** Refuses bytes behind what was read. Errors: `OPERATION_INVALID`. */
export function readEnd(cursor: CborCursor): void {
  const rest = cursor.bytes.length - cursor.offset;
  if (rest > 0) throw operationInvalid(`${rest} bytes follow its end`, { offset: cursor.offset });
}
