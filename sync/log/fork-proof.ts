/**
 * Proof that an author signed two operations for one place of a log: the CBOR array `[1, header, header]` of the two
 * signed headers as byte strings, the one with the smaller operation id first. Bodies prove nothing and are left out.
 */
import { equalBytes, toHex } from '#core/kernel/index.ts';
import {
  encodeArray,
  encodeByteString,
  encodeUnsigned,
  readArrayLength,
  readBytesUpTo,
  readEnd,
  readUnsigned,
} from './canonical-cbor.ts';
import { HEADER_BYTES_MAX } from './header.ts';
import type { LogName } from './log-keys.ts';
import { decodeOperation, isSigned, type SignedOperation } from './operation.ts';
import { operationInvalid } from './operation-invalid.ts';
import type { Blake3, Ed25519 } from './ports.ts';

const PROOF_VERSION = 1;
const PROOF_LENGTH = 3n;
/** The head of a CBOR array of three elements. */
const FORK_PROOF_FIRST_BYTE = 0x83;

/** Two headers and the few bytes around them. */
export const FORK_PROOF_BYTES_MAX = 2 * HEADER_BYTES_MAX + 16;

/** What a proof says: `name` has two operations at `seq`. */
export interface ForkProof {
  readonly name: LogName;
  readonly seq: number;
  /** Ids of the two, rising. */
  readonly operationIds: readonly [Uint8Array, Uint8Array];
}

/** Where a line carries operations and proofs: no header is an array of three. The proof itself may still be wrong. */
export const isForkProof = (bytes: Uint8Array): boolean => bytes[0] === FORK_PROOF_FIRST_BYTE;

/** `left` and `right` are signed by one author for one place of one log, and differ. */
export function encodeForkProof(left: SignedOperation, right: SignedOperation): Uint8Array {
  const ordered = toHex(left.id) < toHex(right.id) ? [left, right] : [right, left];
  return encodeArray([
    encodeUnsigned(PROOF_VERSION),
    ...ordered.map(({ headerBytes }) => encodeByteString(headerBytes)),
  ]);
}

/** Decodes a proof and checks all of it, both signatures too. Errors: `OPERATION_INVALID`. */
export function checkForkProof(
  deps: { readonly blake3: Blake3; readonly ed25519: Ed25519 },
  bytes: Uint8Array,
): ForkProof {
  const cursor = { bytes, offset: 0 };
  if (bytes.length > FORK_PROOF_BYTES_MAX) throw operationInvalid(`a fork proof has ${bytes.length} bytes`);
  if (readArrayLength(cursor) !== PROOF_LENGTH || readUnsigned(cursor, 0xffffn) !== BigInt(PROOF_VERSION)) {
    throw operationInvalid('a fork proof is of an unknown form');
  }
  const first = decodeOperation(deps, readBytesUpTo(cursor, HEADER_BYTES_MAX));
  const second = decodeOperation(deps, readBytesUpTo(cursor, HEADER_BYTES_MAX));
  readEnd(cursor);
  const [a, b] = [first.header, second.header];
  const samePlace =
    a.seq === b.seq &&
    equalBytes(a.publicKey, b.publicKey) &&
    a.extensions &&
    b.extensions &&
    equalBytes(a.extensions.logId, b.extensions.logId);
  if (!samePlace || !a.extensions) throw operationInvalid('a fork proof names two different places');
  if (toHex(first.id) >= toHex(second.id)) throw operationInvalid('a fork proof does not name two operations in order');
  if (!isSigned(deps, first) || !isSigned(deps, second)) throw operationInvalid('a fork proof is not signed twice');
  const name = { author: a.publicKey, logId: a.extensions.logId };
  return { name, seq: a.seq, operationIds: [first.id, second.id] };
}
