/**
 * How the keys of a space reach its readers. A rotation is the CBOR array `[check, [[device, sealed key]…], previous: []
 * or [key id] or [key id, sealed key]]`; the id of its operation names the key. A share hands an existing key to more
 * devices: `[key id, [[device, sealed key]…]]`.
 */
import {
  type CborCursor,
  encodeArray,
  encodeByteString,
  operationInvalid,
  readArrayLength,
  readByteString,
} from '#sync/log/index.ts';
import { decodable, ID_BYTES, readId, readRecord, readRising, readTuple, rising } from './record-fields.ts';
import { PREVIOUS_KEY_BYTES, SEALED_KEY_BYTES } from './seal-key.ts';

export const REKEY_SCHEMA = 'granary.rekey.v1';
export const SHARE_KEY_SCHEMA = 'granary.sharekey.v1';

/** Devices that one rotation seals its key to, and so the readers of a space: such a record has 120 kB. */
export const KEY_RECIPIENTS_MAX = 1024;

/** A key, sealed to one device. */
export interface KeyRecipient {
  readonly device: Uint8Array;
  /** {@link SEALED_KEY_BYTES} bytes. */
  readonly sealed: Uint8Array;
}

/** The key before, sealed under the new one; withheld when `sealed` is undefined, so that new readers cannot read back. */
export interface PreviousKey {
  readonly keyId: Uint8Array;
  readonly sealed: Uint8Array | undefined;
}

export interface RekeyRecord {
  /** Commits to the key, see `keyCheck`: all recipients get the same one. */
  readonly check: Uint8Array;
  /** One entry a device, at least one. */
  readonly recipients: readonly KeyRecipient[];
  /** Undefined for the first key of a space, and for an author who has none. */
  readonly previous: PreviousKey | undefined;
}

export interface ShareKeyRecord {
  readonly keyId: Uint8Array;
  /** One entry a device, at least one. */
  readonly recipients: readonly KeyRecipient[];
}

/** Errors: `OPERATION_INVALID` for a record that others would refuse. */
export function encodeRekeyRecord({ check, recipients, previous }: RekeyRecord): Uint8Array {
  const before = previous ? [previous.keyId, ...(previous.sealed ? [previous.sealed] : [])] : [];
  const record = [encodeByteString(check), encodeRecipients(recipients), encodeArray(before.map(encodeByteString))];
  return decodable(encodeArray(record), decodeRekeyRecord);
}

/** Errors: `OPERATION_INVALID`. */
export const decodeRekeyRecord = (bytes: Uint8Array): RekeyRecord =>
  readRecord(bytes, 3, (cursor) => ({
    check: readByteString(cursor, ID_BYTES),
    recipients: readRecipients(cursor),
    previous: readPrevious(cursor),
  }));

/** Errors: `OPERATION_INVALID` for a record that others would refuse. */
export const encodeShareKeyRecord = ({ keyId, recipients }: ShareKeyRecord): Uint8Array =>
  decodable(encodeArray([encodeByteString(keyId), encodeRecipients(recipients)]), decodeShareKeyRecord);

/** Errors: `OPERATION_INVALID`. */
export const decodeShareKeyRecord = (bytes: Uint8Array): ShareKeyRecord =>
  readRecord(bytes, 2, (cursor) => ({ keyId: readId(cursor), recipients: readRecipients(cursor) }));

const encodeRecipients = (recipients: readonly KeyRecipient[]): Uint8Array =>
  encodeArray(
    rising(recipients, ({ device }) => device).map(({ device, sealed }) =>
      encodeArray([encodeByteString(device), encodeByteString(sealed)]),
    ),
  );

function readRecipients(cursor: CborCursor): KeyRecipient[] {
  const readRecipient = () => {
    readTuple(cursor, 2);
    return { device: readId(cursor), sealed: readByteString(cursor, SEALED_KEY_BYTES) };
  };
  const recipients = readRising(cursor, KEY_RECIPIENTS_MAX, readRecipient, ({ device }) => device);
  if (recipients.length === 0) throw operationInvalid('a key goes to nobody');
  return recipients;
}

function readPrevious(cursor: CborCursor): PreviousKey | undefined {
  const length = readArrayLength(cursor);
  if (length > 2n) throw operationInvalid(`its previous key has ${length} elements`);
  if (length === 0n) return undefined;
  const keyId = readId(cursor);
  return { keyId, sealed: length === 2n ? readByteString(cursor, PREVIOUS_KEY_BYTES) : undefined };
}
