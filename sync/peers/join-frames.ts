/**
 * The first frame of each side when a ticket is redeemed: the CBOR arrays `[1, secret, X25519 key, device name]` and
 * `[1, verdict]`. Format: docs/formats/peers-v1.md.
 */
import { isAgreementKey, TICKET_SECRET_BYTES } from '#sync/access/index.ts';
import {
  type CborCursor,
  encodeArray,
  encodeByteString,
  encodeText,
  encodeUnsigned,
  operationInvalid,
  readArrayLength,
  readByteString,
  readEnd,
  readTextUpTo,
  readUnsigned,
} from '#sync/log/index.ts';

/** Bytes of a device's name, as grants carry it. */
const DEVICE_NAME_BYTES_MAX = 255;

const VERSION = 1;
export const JOIN_VERDICTS = ['granted', 'unknown', 'expired', 'used', 'refused'] as const;
export type JoinVerdict = (typeof JOIN_VERDICTS)[number];

export interface JoinRequest {
  readonly secret: Uint8Array;
  readonly encryptionKey: Uint8Array;
  readonly name: string;
}

export const encodeJoinRequest = ({ secret, encryptionKey, name }: JoinRequest): Uint8Array =>
  encodeArray([encodeUnsigned(VERSION), encodeByteString(secret), encodeByteString(encryptionKey), encodeText(name)]);

/** Errors: `OPERATION_INVALID`. */
export function decodeJoinRequest(bytes: Uint8Array): JoinRequest {
  const cursor = openRecord(bytes, 4n);
  const secret = readByteString(cursor, TICKET_SECRET_BYTES);
  const encryptionKey = readByteString(cursor, 32);
  const name = readTextUpTo(cursor, DEVICE_NAME_BYTES_MAX);
  readEnd(cursor);
  if (!isAgreementKey(encryptionKey)) throw operationInvalid('an X25519 key is of small order');
  return { secret, encryptionKey, name };
}

function openRecord(bytes: Uint8Array, length: bigint): CborCursor {
  const cursor = { bytes, offset: 0 };
  if (readArrayLength(cursor) !== length || readUnsigned(cursor, 0xffffn) !== BigInt(VERSION)) {
    throw operationInvalid('a frame is of an unknown form');
  }
  return cursor;
}

export const encodeJoinVerdict = (verdict: JoinVerdict): Uint8Array =>
  encodeArray([encodeUnsigned(VERSION), encodeUnsigned(JOIN_VERDICTS.indexOf(verdict))]);

/** Errors: `OPERATION_INVALID`. */
export function decodeJoinVerdict(bytes: Uint8Array): JoinVerdict {
  const cursor = openRecord(bytes, 2n);
  const verdict = JOIN_VERDICTS[Number(readUnsigned(cursor, BigInt(JOIN_VERDICTS.length - 1)))]!;
  readEnd(cursor);
  return verdict;
}
