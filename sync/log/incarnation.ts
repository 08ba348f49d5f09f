/**
 * Which life of this device's data it is. A folder that was restored from a copy does not know what was signed after the
 * copy was made; continuing its logs would fork them. So each time it is opened the store and a marker outside of it
 * agree on a new random word, and a store that does not know the marker's word starts a new incarnation: new logs, and a
 * new id for the cursors of others.
 *
 * A copy that was made and restored while the word stayed the same is not noticed; peers are asked for the highest own
 * tips before anything is signed.
 *
 * In the store stands the CBOR array `[1, number, id, word, word before]`, in the marker `[1, number, word]`.
 */
import { equalBytes, GranaryError, type Random } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import {
  type CborCursor,
  encodeArray,
  encodeByteString,
  encodeUnsigned,
  readArrayLength,
  readByteString,
  readEnd,
  readUnsigned,
} from './canonical-cbor.ts';
import { INCARNATION_KEY } from './log-keys.ts';
import { operationInvalid } from './operation-invalid.ts';
import { orInvalid } from './ingest-operation.ts';
import type { IncarnationMarker } from './ports.ts';

const FORM = 1;
const WORD_BYTES = 16;

/** Lives of one device. Each costs every member two logs for ever; who restores this often needs a new device. */
export const DEVICE_INCARNATIONS_MAX = 1000;

export interface Incarnation {
  /** Counts from 0 to below `DEVICE_INCARNATIONS_MAX`; part of the ids of this device's logs. */
  readonly number: number;
  /** 16 random bytes that name this incarnation of the store in the cursors of others. */
  readonly id: Uint8Array;
}

export interface IncarnationDeps {
  readonly store: KeyValueStore;
  readonly marker: IncarnationMarker;
  readonly random: Random;
}

interface Mark {
  readonly number: number;
  readonly word: Uint8Array;
}

interface StoredIncarnation extends Incarnation, Mark {
  readonly wordBefore: Uint8Array;
}

/**
 * Opens the incarnation that goes on, or starts a new one where store and marker do not agree. Once at each start of the
 * node, before anything is signed. Errors: `LIMIT_EXCEEDED`, `STORE_DAMAGED`, those of the store and the marker.
 */
export async function openIncarnation(deps: IncarnationDeps): Promise<Incarnation> {
  const stored = await readStored(deps.store);
  const marked = await readMark(deps.marker);
  const goesOn =
    stored && marked && (equalBytes(marked.word, stored.word) || equalBytes(marked.word, stored.wordBefore));
  if (goesOn) return write(deps, stored, marked);
  const isFirst = !stored && !marked;
  const number = isFirst ? 0 : Math.max(stored?.number ?? 0, marked?.number ?? 0) + 1;
  return write(deps, { number, id: deps.random.bytes(WORD_BYTES) }, marked);
}

/**
 * Starts a new incarnation after a fork of one of this device's logs. Errors: `LIMIT_EXCEEDED`, `STORE_DAMAGED`, those of
 * the store and the marker.
 */
export async function renewIncarnation(deps: IncarnationDeps): Promise<Incarnation> {
  const stored = await readStored(deps.store);
  const marked = await readMark(deps.marker);
  const number = Math.max(stored?.number ?? -1, marked?.number ?? -1) + 1;
  return write(deps, { number, id: deps.random.bytes(WORD_BYTES) }, marked);
}

/** The store first: a crash before the marker is written leaves the word before in it, which the store knows. */
async function write(
  { store, marker, random }: IncarnationDeps,
  { number, id }: Incarnation,
  marked: Mark | undefined,
): Promise<Incarnation> {
  if (number >= DEVICE_INCARNATIONS_MAX) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `This device began anew ${number} times, which is all it may (DEVICE_INCARNATIONS_MAX). Set up a new device.`,
      { limit: DEVICE_INCARNATIONS_MAX },
    );
  }
  const word = random.bytes(WORD_BYTES);
  const form = encodeUnsigned(FORM);
  const stored = [encodeByteString(id), encodeByteString(word), encodeByteString(marked?.word ?? word)];
  const commit = new Commit().put(INCARNATION_KEY, encodeArray([form, encodeUnsigned(number), ...stored]));
  await store.write(commit, { sync: true });
  await marker.write(encodeArray([form, encodeUnsigned(number), encodeByteString(word)]));
  return { number, id };
}

async function readStored(store: KeyValueStore): Promise<StoredIncarnation | undefined> {
  const bytes = await store.get(INCARNATION_KEY);
  if (!bytes) return undefined;
  const stored = orInvalid(() => {
    const cursor = { bytes, offset: 0 };
    const number = readNumber(cursor, 5n);
    const [id, word, wordBefore] = [readWord(cursor), readWord(cursor), readWord(cursor)];
    readEnd(cursor);
    return { number, id, word, wordBefore };
  });
  if (stored) return stored;
  throw new GranaryError(
    'STORE_DAMAGED',
    "The record of this store's incarnation cannot be read. Restore the home from a backup.",
  );
}

/** A marker that cannot be read is as good as none: the incarnation changes. */
async function readMark(marker: IncarnationMarker): Promise<Mark | undefined> {
  const bytes = await marker.read();
  if (!bytes) return undefined;
  return orInvalid(() => {
    const cursor = { bytes, offset: 0 };
    const mark = { number: readNumber(cursor, 3n), word: readWord(cursor) };
    readEnd(cursor);
    return mark;
  });
}

function readNumber(cursor: CborCursor, length: bigint): number {
  if (readArrayLength(cursor) !== length || readUnsigned(cursor, 0xffffn) !== BigInt(FORM)) {
    throw operationInvalid('the record of an incarnation is of an unknown form');
  }
  return Number(readUnsigned(cursor, BigInt(DEVICE_INCARNATIONS_MAX)));
}

const readWord = (cursor: CborCursor): Uint8Array => readByteString(cursor, WORD_BYTES);
