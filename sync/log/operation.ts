import { concatBytes, equalBytes, GranaryError, toHex } from '#core/kernel/index.ts';
import type { CborCursor } from './canonical-cbor.ts';
import type { Extensions } from './extensions.ts';
import { decodeHeader, encodeHeader, type Header, readHeader, signedBytes } from './header.ts';
import { operationInvalid } from './operation-invalid.ts';
import type { Blake3, Ed25519, SigningKey } from './ports.ts';
import { verifyStrict, verifyStrictAside } from './strict-signature.ts';

/**
 * An operation must fit a frame of the sync protocol with room to spare, and a device that relays others' operations
 * must be able to hold many at once. Larger content is split over operations or named by its hash.
 */
export const OPERATION_BODY_BYTES_MAX = 256 * 1024;

/** An entry of a signed log: the bytes as they are stored and forwarded, and what they say. */
export interface SignedOperation {
  /** BLAKE3 of `headerBytes`, 32 bytes. */
  readonly id: Uint8Array;
  readonly header: Header;
  readonly headerBytes: Uint8Array;
  /** Undefined for an operation without a body, and when only the header is at hand. */
  readonly body: Uint8Array | undefined;
}

export interface OperationContent {
  readonly seq: number;
  readonly backlink: Uint8Array | undefined;
  readonly extensions: Extensions | undefined;
  /** An empty body is no body. */
  readonly body: Uint8Array;
}

function refuseLargeBody(byteCount: number): void {
  if (byteCount <= OPERATION_BODY_BYTES_MAX) return;
  throw new GranaryError(
    'LIMIT_EXCEEDED',
    `The body of an operation has ${byteCount} bytes; the limit is ${OPERATION_BODY_BYTES_MAX} bytes ` +
      '(OPERATION_BODY_BYTES_MAX). Split it over several operations, or name its content by a hash.',
    { byteCount, limit: OPERATION_BODY_BYTES_MAX },
  );
}

/** Encodes and signs one operation. Errors: `LIMIT_EXCEEDED` for a body over `OPERATION_BODY_BYTES_MAX`. */
export function signOperation(
  deps: { readonly key: SigningKey; readonly blake3: Blake3 },
  content: OperationContent,
): SignedOperation {
  const { seq, backlink, extensions } = content;
  refuseLargeBody(content.body.length);
  const body = content.body.length > 0 ? content.body : undefined;
  const payload = body && { byteCount: body.length, hash: deps.blake3(body) };
  const unsigned = { publicKey: deps.key.publicKey, payload, seq, backlink, extensions };
  const header = { ...unsigned, signature: deps.key.sign(encodeHeader(unsigned)) };
  const headerBytes = encodeHeader(header);
  return { id: deps.blake3(headerBytes), header, headerBytes, body };
}

/** Checks the body's size against the limit and the header, and its hash. Errors: `OPERATION_INVALID`, `LIMIT_EXCEEDED`. */
export function checkBody(deps: { readonly blake3: Blake3 }, { header, body }: SignedOperation): void {
  const { payload } = header;
  const byteCount = body?.length ?? 0;
  refuseLargeBody(byteCount);
  if (byteCount !== (payload?.byteCount ?? 0)) {
    throw operationInvalid(`its body has ${byteCount} bytes, its header says ${payload?.byteCount ?? 0}`);
  }
  if (payload && body && !equalBytes(deps.blake3(body), payload.hash)) {
    throw operationInvalid('its body does not match the hash in its header');
  }
}

/**
 * Decodes an operation and checks its body against its header; the signature is checked by `verifyOperation`. Without
 * `body` only the header is read. The result keeps `body` as it is: do not change it afterwards.
 * Errors: `OPERATION_INVALID`, `LIMIT_EXCEEDED`.
 */
export function decodeOperation(
  deps: { readonly blake3: Blake3 },
  headerBytes: Uint8Array,
  body?: Uint8Array,
): SignedOperation {
  const header = decodeHeader(headerBytes);
  const operation = { id: deps.blake3(headerBytes), header, headerBytes, body: body?.length === 0 ? undefined : body };
  if (body) checkBody(deps, operation);
  return operation;
}

/** One operation as a log stores it: the header, which tells its own length, then the body. */
export function joinOperation(operation: SignedOperation): Uint8Array {
  return operation.body ? concatBytes([operation.headerBytes, operation.body]) : operation.headerBytes;
}

/**
 * Decodes the header of what `joinOperation` made and takes the rest for its body, which `checkBody` checks: a receiver
 * looks at cheaper things first. Errors: `OPERATION_INVALID`.
 */
export function peekOperation(deps: { readonly blake3: Blake3 }, bytes: Uint8Array): SignedOperation {
  const cursor: CborCursor = { bytes, offset: 0 };
  const header = readHeader(cursor);
  const headerBytes = bytes.subarray(0, cursor.offset);
  const body = bytes.subarray(cursor.offset);
  return { id: deps.blake3(headerBytes), header, headerBytes, body: body.length > 0 ? body : undefined };
}

/**
 * Decodes what `joinOperation` made; the whole body must be there. As `decodeOperation`, the signature is not checked.
 * Errors: `OPERATION_INVALID`, `LIMIT_EXCEEDED`.
 */
export function splitOperation(deps: { readonly blake3: Blake3 }, bytes: Uint8Array): SignedOperation {
  const operation = peekOperation(deps, bytes);
  checkBody(deps, operation);
  return operation;
}

/** An operation of which the signature is checked: its header, as it was read. */
type Signed = Pick<SignedOperation, 'header' | 'headerBytes'>;

/** True when the author's signature holds. */
export function isSigned(deps: { readonly ed25519: Ed25519 }, { header, headerBytes }: Signed): boolean {
  return verifyStrict(deps.ed25519, header.publicKey, signedBytes(headerBytes), header.signature);
}

/** The same, checked on another thread. */
export function isSignedAside(deps: { readonly ed25519: Ed25519 }, { header, headerBytes }: Signed): Promise<boolean> {
  return verifyStrictAside(deps.ed25519, header.publicKey, signedBytes(headerBytes), header.signature);
}

/** Checks the author's signature. Errors: `OPERATION_INVALID`. */
export function verifyOperation(deps: { readonly ed25519: Ed25519 }, operation: SignedOperation): void {
  if (isSigned(deps, operation)) return;
  throw operationInvalid('its signature does not hold', {
    operationId: toHex(operation.id),
    author: toHex(operation.header.publicKey),
  });
}
