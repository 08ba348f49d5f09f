/**
 * The header of an operation: one positional CBOR array whose optional elements are left out.
 *
 * | # | element       | form         | present               |
 * | - | ------------- | ------------ | --------------------- |
 * | 1 | version       | 1            | always                |
 * | 2 | public key    | 32 bytes     | always                |
 * | 3 | signature     | 64 bytes     | in a signed header    |
 * | 4 | payload size  | u32          | always; 0 = no body   |
 * | 5 | payload hash  | 32 bytes     | when the size is not 0 |
 * | 6 | seq           | u32          | always; starts at 0   |
 * | 7 | backlink      | 32 bytes     | when seq is not 0     |
 * | 8 | extensions    | `Extensions` | when there are any    |
 *
 * Source: p2panda-core 0.7.0, `operation.rs` and `serde.rs`. Later releases keep `version` at 1 through incompatible
 * layouts, so the version tells nothing about them.
 */
import { concatBytes } from '#core/kernel/index.ts';
import {
  type CborCursor,
  encodeArray,
  encodeByteString,
  encodeUnsigned,
  readArrayLength,
  readByteString,
  readUnsigned,
} from './canonical-cbor.ts';
import { encodeExtensions, type Extensions, readExtensions } from './extensions.ts';
import { operationInvalid } from './operation-invalid.ts';

const HEADER_VERSION = 1n;
const U16_LARGEST = 0xffffn;
const U32_LARGEST = 0xffff_ffffn;

/** The longest signed header takes 227 bytes: every element, every number in its longest form. */
export const HEADER_BYTES_MAX = 256;

/** Elements that no signed header can do without: version, public key, signature, payload size, seq. */
const ELEMENTS_ALWAYS = 5;

export interface UnsignedHeader {
  /** The author: 32 bytes. */
  readonly publicKey: Uint8Array;
  /** What the body must be; undefined for an operation without a body. */
  readonly payload: Payload | undefined;
  /** Place in the author's log, from 0. */
  readonly seq: number;
  /** Id of the author's operation before this one, 32 bytes; undefined for seq 0 and only there. */
  readonly backlink: Uint8Array | undefined;
  readonly extensions: Extensions | undefined;
}

export interface Payload {
  /** From 1 to 2^32 - 1. */
  readonly byteCount: number;
  /** BLAKE3 of the body, 32 bytes. */
  readonly hash: Uint8Array;
}

export interface Header extends UnsignedHeader {
  /** Ed25519 over the header encoded without this element, 64 bytes. */
  readonly signature: Uint8Array;
}

/** The bytes that are signed, when the header has no signature; the bytes whose hash is the operation's id, when it has. */
export function encodeHeader(header: UnsignedHeader & { readonly signature?: Uint8Array }): Uint8Array {
  const { publicKey, signature, payload, seq, backlink, extensions } = header;
  return encodeArray([
    encodeUnsigned(HEADER_VERSION),
    encodeByteString(publicKey),
    ...(signature ? [encodeByteString(signature)] : []),
    encodeUnsigned(payload?.byteCount ?? 0),
    ...(payload ? [encodeByteString(payload.hash)] : []),
    encodeUnsigned(seq),
    ...(backlink ? [encodeByteString(backlink)] : []),
    ...(extensions ? [encodeExtensions(extensions)] : []),
  ]);
}

/**
 * Reads one signed header and leaves the cursor behind it. What is returned encodes to exactly the bytes read.
 * Errors: `OPERATION_INVALID`.
 */
export function readHeader(cursor: CborCursor): Header {
  const length = Number(readArrayLength(cursor));
  const version = readUnsigned(cursor, U16_LARGEST);
  if (version !== HEADER_VERSION) throw operationInvalid(`header version ${version} is not known`);
  const publicKey = readByteString(cursor, 32);
  const signature = readByteString(cursor, 64);
  const byteCount = Number(readUnsigned(cursor, U32_LARGEST));
  const payload = byteCount > 0 ? { byteCount, hash: readByteString(cursor, 32) } : undefined;
  const seq = Number(readUnsigned(cursor, U32_LARGEST));
  const backlink = seq > 0 ? readByteString(cursor, 32) : undefined;
  const withoutExtensions = ELEMENTS_ALWAYS + (payload ? 1 : 0) + (backlink ? 1 : 0);
  if (length !== withoutExtensions && length !== withoutExtensions + 1) {
    throw operationInvalid(`its header announces ${length} elements, which its payload size and seq do not allow`);
  }
  const extensions = length > withoutExtensions ? readExtensions(cursor) : undefined;
  return { publicKey, signature, payload, seq, backlink, extensions };
}

/** Head of the array, version and public key; then the signature with its head. */
const SIGNATURE_START = 1 + 1 + 34;
const SIGNATURE_END = SIGNATURE_START + 66;

/** The bytes that are signed, of a header that was read: all but the signature, in an array of one element less. */
export function signedBytes(headerBytes: Uint8Array): Uint8Array {
  const bytes = concatBytes([headerBytes.subarray(0, SIGNATURE_START), headerBytes.subarray(SIGNATURE_END)]);
  bytes[0]! -= 1;
  return bytes;
}

/** Decodes bytes that hold one signed header and nothing else. Errors: `OPERATION_INVALID`. */
export function decodeHeader(bytes: Uint8Array): Header {
  const cursor: CborCursor = { bytes, offset: 0 };
  const header = readHeader(cursor);
  if (cursor.offset !== bytes.length) {
    throw operationInvalid(`${bytes.length - cursor.offset} bytes follow its header`, { offset: cursor.offset });
  }
  return header;
}
