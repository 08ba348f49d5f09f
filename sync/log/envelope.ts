/**
 * What the body of an operation in the log of a space says: the CBOR array
 *
 * `[1, schema, space, subject, clock: [wall, counter], dependencies: [id…], kind, content]`
 *
 * with the schema's name as text, UUIDs as 16 bytes, operation ids as 32 bytes in rising order, the kind as a number
 * (0 a record, 1 a Yjs update) and the content as a byte string. Whether an operation counts never depends on what its
 * body says to the log: a body that nobody here understands is kept and handed on.
 */
import type { HybridTime } from '#core/catalog/index.ts';
import { fromHex, GranaryError, isUuid, toHex, toUtf8, type Uuid } from '#core/kernel/index.ts';
import {
  type CborCursor,
  encodeArray,
  encodeByteString,
  encodeText,
  encodeUnsigned,
  readArrayLength,
  readBytesUpTo,
  readByteString,
  readEnd,
  readTextUpTo,
  readUnsigned,
} from './canonical-cbor.ts';
import { OPERATION_BODY_BYTES_MAX } from './operation.ts';
import { operationInvalid } from './operation-invalid.ts';

const ENVELOPE_VERSION = 1;
const ENVELOPE_LENGTH = 8n;
const KIND_RECORD = 0;
const KIND_YJS = 1;
const KIND_LARGEST = 0xffff;
const CLOCK_COUNTER_LARGEST = 0xffff_ffff;
const SAFE_LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

/** Schema names are short words with dots, such as `granary.log.v1`. */
export const ENVELOPE_SCHEMA_BYTES_MAX = 64;

/** A control operation names the newest operation of every control log of its space, one a device. */
export const ENVELOPE_DEPENDENCIES_MAX = 1024;

/** A clock may be wrong by its time zone; what is further ahead than a day is shown as such. Milliseconds. */
export const CLOCK_AHEAD_MS_MAX = 24 * 60 * 60 * 1000;

export type EnvelopeContent =
  /** One record, in the encoding its schema names. */
  | { readonly kind: 'record'; readonly bytes: Uint8Array }
  /** One Yjs update; it is not decoded here. */
  | { readonly kind: 'yjs-update'; readonly bytes: Uint8Array }
  /** A kind of a later version: kept, handed on, not applied. `code` is from 2 to 65,535. */
  | { readonly kind: 'unknown'; readonly code: number; readonly bytes: Uint8Array };

export interface Envelope {
  /** Names the meaning of the content; a change of meaning gets a new name. */
  readonly schema: string;
  readonly space: Uuid;
  /** What the operation is about: an asset, or the space itself. */
  readonly subject: Uuid;
  /** The author's clock, for display and to break ties; never for validity. `wall` in milliseconds, up to 2^53 - 1. */
  readonly clock: HybridTime;
  /** Operation ids, 32 bytes each: what the author had seen and builds on. Rising, each once. */
  readonly dependencies: readonly Uint8Array[];
  readonly content: EnvelopeContent;
}

/** True when the author's clock was more than `CLOCK_AHEAD_MS_MAX` ahead of `now`: to be shown, not to be refused. */
export const isClockAhead = ({ clock }: Envelope, now: number): boolean => clock.wall > now + CLOCK_AHEAD_MS_MAX;

/** Ids in the order in which an envelope names them, each once. */
export function sortDependencies(ids: Iterable<Uint8Array>): Uint8Array[] {
  return [...new Set(Array.from(ids, toHex))].toSorted().map(fromHex);
}

const refuse = (what: string, limit: number) =>
  new GranaryError('LIMIT_EXCEEDED', `An operation has ${what}; the limit is ${limit}.`, { limit });

/** Errors: `LIMIT_EXCEEDED` for too many dependencies, too long a schema name, or a body over what an operation carries. */
export function encodeEnvelope({ schema, space, subject, clock, dependencies, content }: Envelope): Uint8Array {
  const schemaBytes = toUtf8(schema).length;
  if (schemaBytes > ENVELOPE_SCHEMA_BYTES_MAX) {
    throw refuse(`a schema name of ${schemaBytes} bytes`, ENVELOPE_SCHEMA_BYTES_MAX);
  }
  if (dependencies.length > ENVELOPE_DEPENDENCIES_MAX) {
    throw refuse(`${dependencies.length} dependencies`, ENVELOPE_DEPENDENCIES_MAX);
  }
  const body = encodeArray([
    encodeUnsigned(ENVELOPE_VERSION),
    encodeText(schema),
    encodeByteString(uuidToBytes(space)),
    encodeByteString(uuidToBytes(subject)),
    encodeArray([encodeUnsigned(clock.wall), encodeUnsigned(clock.counter)]),
    encodeArray(dependencies.map(encodeByteString)),
    encodeUnsigned(kindCode(content)),
    encodeByteString(content.bytes),
  ]);
  if (body.length > OPERATION_BODY_BYTES_MAX) throw refuse(`a body of ${body.length} bytes`, OPERATION_BODY_BYTES_MAX);
  return body;
}

/** Decodes exactly the bytes that `encodeEnvelope` makes. Errors: `OPERATION_INVALID`. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > OPERATION_BODY_BYTES_MAX) throw operationInvalid(`its body has ${bytes.length} bytes`);
  const cursor: CborCursor = { bytes, offset: 0 };
  const length = readArrayLength(cursor);
  const version = readUnsigned(cursor, 0xffffn);
  if (version !== BigInt(ENVELOPE_VERSION)) throw operationInvalid(`an envelope of version ${version} is not known`);
  if (length !== ENVELOPE_LENGTH) throw operationInvalid(`its envelope has ${length} elements instead of 8`);
  const envelope = {
    schema: readTextUpTo(cursor, ENVELOPE_SCHEMA_BYTES_MAX),
    space: readUuid(cursor),
    subject: readUuid(cursor),
    clock: readClock(cursor),
    dependencies: readDependencies(cursor),
    content: readContent(cursor),
  };
  readEnd(cursor);
  return envelope;
}

function kindCode(content: EnvelopeContent): number {
  if (content.kind === 'unknown') return content.code;
  return content.kind === 'record' ? KIND_RECORD : KIND_YJS;
}

function readContent(cursor: CborCursor): EnvelopeContent {
  const code = Number(readUnsigned(cursor, BigInt(KIND_LARGEST)));
  const bytes = readBytesUpTo(cursor, OPERATION_BODY_BYTES_MAX);
  if (code === KIND_RECORD) return { kind: 'record', bytes };
  return code === KIND_YJS ? { kind: 'yjs-update', bytes } : { kind: 'unknown', code, bytes };
}

function readClock(cursor: CborCursor): HybridTime {
  if (readArrayLength(cursor) !== 2n) throw operationInvalid('its clock is not of two numbers');
  const wall = Number(readUnsigned(cursor, SAFE_LARGEST));
  return { wall, counter: Number(readUnsigned(cursor, BigInt(CLOCK_COUNTER_LARGEST))) };
}

function readDependencies(cursor: CborCursor): Uint8Array[] {
  const count = readArrayLength(cursor);
  if (count > BigInt(ENVELOPE_DEPENDENCIES_MAX)) throw operationInvalid(`it has ${count} dependencies`);
  const ids: Uint8Array[] = [];
  for (let previous = ''; ids.length < Number(count);) {
    const id = readByteString(cursor, 32);
    if (toHex(id) <= previous) throw operationInvalid('its dependencies do not rise');
    previous = toHex(id);
    ids.push(id);
  }
  return ids;
}

export const uuidToBytes = (uuid: Uuid): Uint8Array => fromHex(uuid.replaceAll('-', ''));

/** Reads a UUID of 16 bytes. Errors: `OPERATION_INVALID`. */
export function readUuid(cursor: CborCursor): Uuid {
  const digits = toHex(readByteString(cursor, 16));
  const text = digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  if (!isUuid(text)) throw operationInvalid(`${text} is no UUID`);
  return text;
}
