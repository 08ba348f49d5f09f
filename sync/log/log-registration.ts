/**
 * Which logs a device has in a space. Control logs say who may do what and can be read by relays; data logs say the
 * rest, encrypted. Both are named by what they are for, and that name is registered in the device's control log of the
 * space: the first operation of a control log registers the log itself.
 */
import { concatBytes, equalBytes, toUtf8, type Uuid } from '#core/kernel/index.ts';
import {
  encodeArray,
  encodeByteString,
  encodeUnsigned,
  readArrayLength,
  readByteString,
  readEnd,
  readUnsigned,
} from './canonical-cbor.ts';
import { decodeEnvelope, type Envelope, uuidToBytes } from './envelope.ts';
import { DEVICE_INCARNATIONS_MAX } from './incarnation.ts';
import { orInvalid } from './ingest-operation.ts';
import type { SignedOperation } from './operation.ts';
import { operationInvalid } from './operation-invalid.ts';
import type { Blake3 } from './ports.ts';

/** The record of a registration: the CBOR array `[kind, incarnation, random]`. */
export const LOG_REGISTRATION_SCHEMA = 'granary.log.v1';

const LOG_ID_DOMAIN = toUtf8('granary/log-id/1');
const KINDS = ['control', 'data'] as const;
const REGISTRATION_LENGTH = 3n;

/** Bytes of randomness in a log's id: nobody finds a log by guessing spaces. */
export const LOG_RANDOM_BYTES = 32;

export type LogKind = (typeof KINDS)[number];

export interface LogRegistration {
  readonly kind: LogKind;
  /** Of the device, see `Incarnation`. */
  readonly incarnation: number;
  readonly random: Uint8Array;
}

export interface RegisteredLog extends LogRegistration {
  readonly logId: Uint8Array;
}

/** The id of a log: BLAKE3 over a domain, the space (16 bytes), kind (1), incarnation (u32, big endian) and random bytes. */
export function spaceLogId(blake3: Blake3, space: Uuid, { kind, incarnation, random }: LogRegistration): Uint8Array {
  const numbers = new Uint8Array(5);
  numbers[0] = KINDS.indexOf(kind);
  new DataView(numbers.buffer).setUint32(1, incarnation);
  return blake3(concatBytes([LOG_ID_DOMAIN, uuidToBytes(space), numbers, random]));
}

/** What an operation of a control log says to register a log. */
export function registrationEnvelope(
  space: Uuid,
  { kind, incarnation, random }: LogRegistration,
  { clock, dependencies }: Pick<Envelope, 'clock' | 'dependencies'>,
): Envelope {
  const record = [encodeUnsigned(KINDS.indexOf(kind)), encodeUnsigned(incarnation), encodeByteString(random)];
  const content = { kind: 'record', bytes: encodeArray(record) } as const;
  return { schema: LOG_REGISTRATION_SCHEMA, space, subject: space, clock, dependencies, content };
}

/** Errors: `OPERATION_INVALID`. */
function decodeRegistration(bytes: Uint8Array): LogRegistration {
  const cursor = { bytes, offset: 0 };
  if (readArrayLength(cursor) !== REGISTRATION_LENGTH) throw operationInvalid('a registration has not three elements');
  const kind = KINDS[Number(readUnsigned(cursor, BigInt(KINDS.length - 1)))]!;
  const incarnation = Number(readUnsigned(cursor, BigInt(DEVICE_INCARNATIONS_MAX - 1)));
  const random = readByteString(cursor, LOG_RANDOM_BYTES);
  readEnd(cursor);
  return { kind, incarnation, random };
}

/** The log that an operation registers in `space`; undefined for an operation that says something else. */
export function registeredLog(blake3: Blake3, space: Uuid, { body }: SignedOperation): RegisteredLog | undefined {
  if (!body) return undefined;
  return orInvalid(() => {
    const envelope = decodeEnvelope(body);
    if (envelope.schema !== LOG_REGISTRATION_SCHEMA || envelope.space !== space) return undefined;
    const registration = decodeRegistration(envelope.content.bytes);
    return { ...registration, logId: spaceLogId(blake3, space, registration) };
  });
}

/** The registration of a control log by itself, when `first` is the first operation of one of `space`. */
export function controlLogOf(blake3: Blake3, space: Uuid, first: SignedOperation): RegisteredLog | undefined {
  const log = registeredLog(blake3, space, first);
  const { seq, extensions } = first.header;
  const isItself = log?.kind === 'control' && seq === 0 && extensions && equalBytes(extensions.logId, log.logId);
  return isItself ? log : undefined;
}
