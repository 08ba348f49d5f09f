/** Fields that several records of the control log have in common. */
import { toHex } from '#core/kernel/index.ts';
import {
  type CborCursor,
  operationInvalid,
  readArrayLength,
  readByteString,
  readEnd,
  readTextUpTo,
} from '#sync/log/index.ts';
import { isAgreementKey } from './agreement-key.ts';

/** Bytes of UTF-8 in the name of a space or a device: a line on a screen, in any script. */
export const DISPLAY_NAME_BYTES_MAX = 128;

/** Of a device, an operation, a log or a hash. */
export const ID_BYTES = 32;

/** Decodes bytes that hold one array of `length` items and nothing else. Errors: `OPERATION_INVALID`. */
export function readRecord<T>(bytes: Uint8Array, length: number, read: (cursor: CborCursor) => T): T {
  const cursor: CborCursor = { bytes, offset: 0 };
  readTuple(cursor, length);
  const record = read(cursor);
  readEnd(cursor);
  return record;
}

/** Reads the head of an array of exactly `length` items. Errors: `OPERATION_INVALID`. */
export function readTuple(cursor: CborCursor, length: number): void {
  const found = readArrayLength(cursor);
  if (found !== BigInt(length)) throw operationInvalid(`its record has ${found} elements in the place of ${length}`);
}

/** Reads an array of at most `max` items. Errors: `OPERATION_INVALID`. */
export function readList<T>(cursor: CborCursor, max: number, read: (cursor: CborCursor) => T): T[] {
  const count = readArrayLength(cursor);
  if (count > BigInt(max)) throw operationInvalid(`its record lists ${count} items; the limit is ${max}`);
  return Array.from({ length: Number(count) }, () => read(cursor));
}

/** Reads an array whose items rise by what `idOf` gives, each once. Errors: `OPERATION_INVALID`. */
export function readRising<T>(
  cursor: CborCursor,
  max: number,
  read: (cursor: CborCursor) => T,
  idOf: (item: T) => Uint8Array,
): T[] {
  const items = readList(cursor, max, read);
  for (let i = 1; i < items.length; i++) {
    if (toHex(idOf(items[i - 1]!)) >= toHex(idOf(items[i]!)))
      throw operationInvalid('a list of its record does not rise');
  }
  return items;
}

/** Items in the order in which records list them. */
export const rising = <T>(items: readonly T[], idOf: (item: T) => Uint8Array): T[] =>
  items.toSorted((left, right) => (toHex(idOf(left)) < toHex(idOf(right)) ? -1 : 1));

export const readId = (cursor: CborCursor): Uint8Array => readByteString(cursor, ID_BYTES);

/** Reads a name that people see: not empty, without control characters. Errors: `OPERATION_INVALID`. */
export function readDisplayName(cursor: CborCursor): string {
  const name = readTextUpTo(cursor, DISPLAY_NAME_BYTES_MAX);
  if (name === '' || /\p{Cc}/u.test(name)) throw operationInvalid('a name is empty or holds control characters');
  return name;
}

/** Reads a public X25519 key that two devices can agree on a secret with. Errors: `OPERATION_INVALID`. */
export function readAgreementKey(cursor: CborCursor): Uint8Array {
  const key = readByteString(cursor, ID_BYTES);
  if (!isAgreementKey(key)) throw operationInvalid('an X25519 key is of small order or not in its only form');
  return key;
}

/** What was just encoded, once it is known that everybody will decode it. Errors: `OPERATION_INVALID`. */
export function decodable(bytes: Uint8Array, decode: (bytes: Uint8Array) => unknown): Uint8Array {
  decode(bytes);
  return bytes;
}
