/**
 * A device as a text that people hand on, so that it can be let into a space without a line to it: `granaryid1` and, in base
 * 32, a version (1 byte), the CBOR array `[device, X25519 key, device name]` and the device's signature over both. The
 * signature finds typing errors, and an X25519 key that somebody else has put in.
 */
import { concatBytes, GranaryError, isGranaryError, toUtf8 } from '#core/kernel/index.ts';
import {
  type Ed25519,
  encodeArray,
  encodeByteString,
  encodeText,
  type SigningKey,
  verifyStrict,
} from '#sync/log/index.ts';
import { decodeBase32, encodeBase32 } from './base32.ts';
import { readAgreementKey, readDisplayName, readId, readRecord } from './record-fields.ts';

const PREFIX = 'granaryid1';
const IDENTITY_VERSION = 1;
const SIGNATURE_BYTES = 64;
const SIGNED_DOMAIN = toUtf8('granary identity v1\0');

/** Characters looked at, with spaces and line breaks that came in between: twice the longest identity. */
export const IDENTITY_CHARACTERS_MAX = 1024;

export interface Identity {
  /** Ed25519 public key. */
  readonly device: Uint8Array;
  readonly encryptionKey: Uint8Array;
  /** What the device calls itself. */
  readonly name: string;
}

/** A text of lower-case letters and digits; `key` is the one of the device. Errors: `INPUT_INVALID` for a name that is none. */
export function encodeIdentity(key: SigningKey, { encryptionKey, name }: Omit<Identity, 'device'>): string {
  const record = encodeArray([encodeByteString(key.publicKey), encodeByteString(encryptionKey), encodeText(name)]);
  decodeRecord(record);
  const content = concatBytes([Uint8Array.of(IDENTITY_VERSION), record]);
  return PREFIX + encodeBase32(concatBytes([content, key.sign(concatBytes([SIGNED_DOMAIN, content]))]));
}

/** Reads an identity as people hand it on, see `decodeTicket`. Errors: `INPUT_INVALID`. */
export function decodeIdentity(ed25519: Ed25519, text: string): Identity {
  if (text.length > IDENTITY_CHARACTERS_MAX) {
    throw identityInvalid(`has ${text.length} characters; the limit is ${IDENTITY_CHARACTERS_MAX}`);
  }
  const letters = text.replaceAll(/[\s-]/g, '').toLowerCase();
  if (!letters.startsWith(PREFIX)) throw identityInvalid(`does not begin with ${PREFIX}. granary identity shows it`);
  const bytes = decodeBase32(letters.slice(PREFIX.length));
  if (bytes && 'character' in bytes) {
    throw identityInvalid(`holds ${JSON.stringify(bytes.character)}, which no identity does. Copy it again`);
  }
  if (!bytes || bytes.length <= SIGNATURE_BYTES) throw identityInvalid('is not whole. Copy it again, up to its end');
  const content = bytes.subarray(0, -SIGNATURE_BYTES);
  if (content[0] !== IDENTITY_VERSION) {
    throw identityInvalid(`is of version ${content[0]}, which this version of Granary does not know. Update Granary`);
  }
  const identity = decodeRecord(content.subarray(1));
  const signed = concatBytes([SIGNED_DOMAIN, content]);
  if (verifyStrict(ed25519, identity.device, signed, bytes.subarray(-SIGNATURE_BYTES))) return identity;
  throw identityInvalid(
    'has a typing error or is not whole: its signature does not hold. Copy it again, up to its end',
  );
}

function decodeRecord(record: Uint8Array): Identity {
  try {
    return readRecord(record, 3, (cursor) => ({
      device: readId(cursor),
      encryptionKey: readAgreementKey(cursor),
      name: readDisplayName(cursor),
    }));
  } catch (error) {
    if (!isGranaryError(error, 'OPERATION_INVALID')) throw error;
    throw identityInvalid('has a typing error or is not whole. Copy it again, up to its end');
  }
}

const identityInvalid = (fault: string) => new GranaryError('INPUT_INVALID', `The identity of the device ${fault}.`);
