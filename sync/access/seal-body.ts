/**
 * The body of an operation in a data log: the CBOR array `[1, key id, salt, sealed]`. The salt makes a key of its own for
 * each body, so that a device that signs two operations for one place, after a restore, does not use a key twice. The place
 * of the operation and the key id are additional data: at another place, or under another name of the key, it does not open.
 */
import { concatBytes, GranaryError, type Random, toUtf8 } from '#core/kernel/index.ts';
import {
  type Blake3,
  encodeArray,
  encodeByteString,
  encodeUnsigned,
  OPERATION_BODY_BYTES_MAX,
  operationInvalid,
  readByteString,
  readUnsigned,
  viewBytesUpTo,
} from '#sync/log/index.ts';
import type { OneTimeCipher } from './ports.ts';
import { ID_BYTES, readRecord } from './record-fields.ts';

const BODY_VERSION = 1;
const SALT_BYTES = 16;
/** Array and version, key id and salt with their heads, the longest head of the rest, the tag. */
const OVERHEAD_BYTES = 2 + 34 + 17 + 5 + 16;
const BODY_DOMAIN = toUtf8('granary space v1 body\0');

/** What fits into the body of an operation once it is sealed. */
export const SEALED_BODY_PLAIN_BYTES_MAX = OPERATION_BODY_BYTES_MAX - OVERHEAD_BYTES;

/** A key of a space and the id of the rotation that it came with. */
export interface SpaceKey {
  readonly keyId: Uint8Array;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** Where the operation stands: what its header says. */
export interface BodyPlace {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  readonly seq: number;
  /** Undefined at seq 0. */
  readonly backlink: Uint8Array | undefined;
}

export interface SealedBody {
  readonly keyId: Uint8Array;
  readonly salt: Uint8Array;
  /** Ciphertext and tag, a view of the body. */
  readonly sealed: Uint8Array;
}

export interface OpenBodyDeps {
  readonly blake3: Blake3;
  readonly cipher: OneTimeCipher;
}

export interface SealBodyDeps extends OpenBodyDeps {
  readonly random: Random;
}

const bodyKey = (blake3: Blake3, key: Uint8Array, salt: Uint8Array): Uint8Array =>
  blake3(concatBytes([BODY_DOMAIN, key, salt]));

function additionalData(keyId: Uint8Array, { author, logId, seq, backlink }: BodyPlace): Uint8Array {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, seq);
  return concatBytes([keyId, author, logId, number, backlink ?? new Uint8Array(ID_BYTES)]);
}

/** Errors: `LIMIT_EXCEEDED` for more than {@link SEALED_BODY_PLAIN_BYTES_MAX} bytes. */
export function sealBody(
  { blake3, cipher, random }: SealBodyDeps,
  { keyId, key }: SpaceKey,
  place: BodyPlace,
  plain: Uint8Array,
): Uint8Array {
  if (plain.length > SEALED_BODY_PLAIN_BYTES_MAX) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `What an operation says has ${plain.length} bytes; the limit is ${SEALED_BODY_PLAIN_BYTES_MAX} bytes ` +
        '(SEALED_BODY_PLAIN_BYTES_MAX). Split it over several operations, or name its content by a hash.',
      { byteCount: plain.length, limit: SEALED_BODY_PLAIN_BYTES_MAX },
    );
  }
  const salt = random.bytes(SALT_BYTES);
  const sealed = cipher.seal(bodyKey(blake3, key, salt), plain, additionalData(keyId, place));
  return encodeArray([
    encodeUnsigned(BODY_VERSION),
    encodeByteString(keyId),
    encodeByteString(salt),
    encodeByteString(sealed),
  ]);
}

/** What a sealed body says to everybody. Errors: `OPERATION_INVALID`. */
export function readSealedBody(body: Uint8Array): SealedBody {
  if (body.length > OPERATION_BODY_BYTES_MAX) throw operationInvalid(`its body has ${body.length} bytes`);
  return readRecord(body, 4, (cursor) => {
    const version = readUnsigned(cursor, 0xffffn);
    if (version !== BigInt(BODY_VERSION)) throw operationInvalid(`a sealed body of version ${version} is not known`);
    return {
      keyId: readByteString(cursor, ID_BYTES),
      salt: readByteString(cursor, SALT_BYTES),
      sealed: viewBytesUpTo(cursor, OPERATION_BODY_BYTES_MAX),
    };
  });
}

/** Opens a body with the key that it names; undefined when it does not open there: only that one key is tried. */
export function openBody(
  { blake3, cipher }: OpenBodyDeps,
  key: Uint8Array,
  place: BodyPlace,
  { keyId, salt, sealed }: SealedBody,
): Uint8Array | undefined {
  return cipher.open(bodyKey(blake3, key, salt), sealed, additionalData(keyId, place));
}
