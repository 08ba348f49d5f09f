/**
 * What frames are made of. Every value has one encoding, and reading accepts that one alone. Counts and lengths are
 * checked against the bytes that are there before anything is allocated. Errors: `SYNC_REFUSED`.
 */
import { compareBytes } from './log-tip.ts';
import { refuse } from './refusal.ts';

/** Bytes that are being written, or read from `offset` on. */
export interface WireCursor {
  bytes: Uint8Array;
  offset: number;
}

export interface WireField<T> {
  /** No value takes fewer bytes than this; at least 1. */
  readonly leastBytes: number;
  write(cursor: WireCursor, value: T): void;
  read(cursor: WireCursor): T;
}

export type ValueOf<F> = F extends WireField<infer T> ? T : never;

function put(cursor: WireCursor, bytes: ArrayLike<number>): void {
  const end = cursor.offset + bytes.length;
  if (end > cursor.bytes.length) {
    const grown = new Uint8Array(Math.max(end, 2 * cursor.bytes.length));
    grown.set(cursor.bytes.subarray(0, cursor.offset));
    cursor.bytes = grown;
  }
  cursor.bytes.set(bytes, cursor.offset);
  cursor.offset = end;
}

function take(cursor: WireCursor, byteCount: number): Uint8Array {
  if (byteCount > cursor.bytes.length - cursor.offset) throw refuse('frame-truncated', 'a frame ends early');
  cursor.offset += byteCount;
  return cursor.bytes.subarray(cursor.offset - byteCount, cursor.offset);
}

/** Exactly `byteCount` bytes. What is read shares its memory with the frame. */
export const fixedBytes = (byteCount: number): WireField<Uint8Array> => ({
  leastBytes: byteCount,
  write: put,
  read: (cursor) => take(cursor, byteCount),
});

/** A whole number from 0 to `max`, below 2^53: LEB128 (7 bits a byte, lowest first) in the fewest bytes. */
export const number = (max: number): WireField<number> => ({
  leastBytes: 1,
  write(cursor, value) {
    let rest = value;
    while (rest > 127) {
      put(cursor, [(rest % 128) | 128]);
      rest = Math.floor(rest / 128);
    }
    put(cursor, [rest]);
  },
  read(cursor) {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = take(cursor, 1)[0]!;
      value += (byte & 127) * scale;
      if (value > max) throw refuse('number-too-large', `a number is over ${max}`);
      if (byte === 0 && scale > 1) throw refuse('number-not-shortest', 'a number is longer than it must be');
      if (byte < 128) return value;
      if (scale > max) throw refuse('number-too-large', `a number is over ${max}`);
    }
  },
});

/** One byte that stands for a name. */
export function name<N extends string>(codes: Readonly<Record<N, number>>): WireField<N> {
  const names = new Map(Object.entries<number>(codes).map(([name, code]) => [code, name as N]));
  return {
    leastBytes: 1,
    write: (cursor, value) => put(cursor, [codes[value]]),
    read(cursor) {
      const code = take(cursor, 1)[0]!;
      const value = names.get(code);
      if (!value) throw refuse('value-unknown', `${code} stands for nothing`);
      return value;
    },
  };
}

/** The fields one after another. */
export function record<T extends object>(fields: { readonly [K in keyof T]: WireField<T[K]> }): WireField<Readonly<T>> {
  const entries = Object.entries(fields) as [keyof T, WireField<unknown>][];
  return {
    leastBytes: entries.reduce((sum, [, { leastBytes }]) => sum + leastBytes, 0),
    write(cursor, value) {
      for (const [key, field] of entries) field.write(cursor, value[key]);
    },
    read: (cursor) => Object.fromEntries(entries.map(([key, field]) => [key, field.read(cursor)])) as T,
  };
}

interface ListLimits<T> {
  readonly least?: number;
  readonly most: number;
  /** Each item must come before the next one by this order. */
  readonly order?: (left: T, right: T) => number;
}

/** A count and so many items. */
export function list<T>(item: WireField<T>, limits: ListLimits<T>): WireField<readonly T[]> {
  const { least = 0, most, order } = limits;
  const count = number(Number.MAX_SAFE_INTEGER);
  return {
    leastBytes: 1,
    write(cursor, values) {
      count.write(cursor, values.length);
      for (const value of values) item.write(cursor, value);
    },
    read(cursor) {
      const length = count.read(cursor);
      if (length > most || length < least) {
        throw refuse('count-too-large', `a list of ${length} is not one of ${least} to ${most}`);
      }
      if (length * item.leastBytes > cursor.bytes.length - cursor.offset) {
        throw refuse('frame-truncated', `a list of ${length} does not fit its frame`);
      }
      const values: T[] = [];
      for (let i = 0; i < length; i++) {
        const value = item.read(cursor);
        if (order && i > 0 && order(values[i - 1]!, value) >= 0) {
          throw refuse('list-out-of-order', 'a list is not in order, or holds something twice');
        }
        values.push(value);
      }
      return values;
    },
  };
}

/** A length from 1 to `most` and so many bytes. What is read shares its memory with the frame. */
export function lengthAndBytes(most: number): WireField<Uint8Array> {
  const count = number(Number.MAX_SAFE_INTEGER);
  return {
    leastBytes: 2,
    write(cursor, value) {
      count.write(cursor, value.length);
      put(cursor, value);
    },
    read(cursor) {
      const length = count.read(cursor);
      if (length > most || length === 0) {
        throw refuse('operation-too-large', `an operation of ${length} bytes is not one of 1 to ${most}`);
      }
      return take(cursor, length);
    },
  };
}

/** The order of a list by one of its items' byte strings. */
export const byBytes =
  <T>(of: (item: T) => Uint8Array) =>
  (left: T, right: T): number =>
    compareBytes(of(left), of(right));
