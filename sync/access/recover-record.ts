/**
 * New managers for a space whose managers are lost or removed each other: the CBOR array `[statement, [[key,
 * signature]…]]`, where the statement is a byte string that holds `[[[device, agreement key, device name]…], [head…]]`.
 * Holders of recovery keys sign the statement; who carries it into the control log does not matter.
 */
import { concatBytes, equalBytes, toUtf8 } from '#core/kernel/index.ts';
import {
  type CborCursor,
  type Ed25519,
  encodeArray,
  encodeByteString,
  encodeText,
  ENVELOPE_DEPENDENCIES_MAX,
  operationInvalid,
  readByteString,
  readBytesUpTo,
  type SigningKey,
  verifyStrict,
} from '#sync/log/index.ts';
import {
  decodable,
  readAgreementKey,
  readDisplayName,
  readId,
  readRecord,
  readRising,
  readTuple,
  rising,
} from './record-fields.ts';
import { type Recovery, RECOVERY_KEYS_MAX } from './space-record.ts';

export const RECOVER_SCHEMA = 'granary.recover.v1';

/** Managers that one recovery names: enough to go on, the rest they grant themselves. */
export const RECOVERY_MANAGERS_MAX = 16;

/** The largest statement has 1,024 heads and 16 managers with the longest names, some 38 kB. */
export const RECOVERY_STATEMENT_BYTES_MAX = 64 * 1024;

const SIGNATURE_BYTES = 64;
const SIGNED_DOMAIN = toUtf8('granary space v1 recovery\0');

export interface RecoveredManager {
  readonly device: Uint8Array;
  readonly encryptionKey: Uint8Array;
  readonly name: string;
}

export interface RecoveryStatement {
  /** The only ones who may manage from there on; at least one. */
  readonly managers: readonly RecoveredManager[];
  /** Control operations: these and what lies before them is what the space goes on from. At least one. */
  readonly heads: readonly Uint8Array[];
}

export interface RecoverySignature {
  /** Ed25519 public key, one of the recovery keys of the space. */
  readonly key: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

export interface RecoverRecord {
  /** As it was signed, see {@link decodeRecoveryStatement}. */
  readonly statement: Uint8Array;
  /** One a key. */
  readonly signatures: readonly RecoverySignature[];
}

/** Errors: `OPERATION_INVALID` for a statement that others would refuse. */
export function encodeRecoveryStatement({ managers, heads }: RecoveryStatement): Uint8Array {
  const named = rising(managers, ({ device }) => device).map(({ device, encryptionKey, name }) =>
    encodeArray([encodeByteString(device), encodeByteString(encryptionKey), encodeText(name)]),
  );
  const statement = encodeArray([encodeArray(named), encodeArray(rising(heads, (head) => head).map(encodeByteString))]);
  return decodable(statement, decodeRecoveryStatement);
}

/** Errors: `OPERATION_INVALID`. */
export function decodeRecoveryStatement(bytes: Uint8Array): RecoveryStatement {
  const statement = readRecord(bytes, 2, (cursor) => ({
    managers: readRising(cursor, RECOVERY_MANAGERS_MAX, readManager, ({ device }) => device),
    heads: readRising(cursor, ENVELOPE_DEPENDENCIES_MAX, readId, (head) => head),
  }));
  if (statement.managers.length > 0 && statement.heads.length > 0) return statement;
  throw operationInvalid('a recovery names no manager or no head');
}

function readManager(cursor: CborCursor): RecoveredManager {
  readTuple(cursor, 3);
  return { device: readId(cursor), encryptionKey: readAgreementKey(cursor), name: readDisplayName(cursor) };
}

/** Errors: `OPERATION_INVALID` for a record that others would refuse. */
export function encodeRecoverRecord({ statement, signatures }: RecoverRecord): Uint8Array {
  const signed = rising(signatures, ({ key }) => key).map(({ key, signature }) =>
    encodeArray([encodeByteString(key), encodeByteString(signature)]),
  );
  return decodable(encodeArray([encodeByteString(statement), encodeArray(signed)]), decodeRecoverRecord);
}

/** Decodes the record; the statement in it is checked as well. Errors: `OPERATION_INVALID`. */
export function decodeRecoverRecord(bytes: Uint8Array): RecoverRecord {
  const record = readRecord(bytes, 2, (cursor) => ({
    statement: readBytesUpTo(cursor, RECOVERY_STATEMENT_BYTES_MAX),
    signatures: readRising(cursor, RECOVERY_KEYS_MAX, readSignature, ({ key }) => key),
  }));
  decodeRecoveryStatement(record.statement);
  return record;
}

function readSignature(cursor: CborCursor): RecoverySignature {
  readTuple(cursor, 2);
  return { key: readId(cursor), signature: readByteString(cursor, SIGNATURE_BYTES) };
}

const signedBytes = (genesisId: Uint8Array, statement: Uint8Array): Uint8Array =>
  concatBytes([SIGNED_DOMAIN, genesisId, statement]);

/** Signs a statement about the space with one of its recovery keys. */
export const signRecovery = (key: SigningKey, genesisId: Uint8Array, statement: Uint8Array): RecoverySignature => ({
  key: key.publicKey,
  signature: key.sign(signedBytes(genesisId, statement)),
});

/** True when enough recovery keys of the space signed, each once; every signature that is there must hold. */
export function isRecoverySigned(
  ed25519: Ed25519,
  genesisId: Uint8Array,
  { threshold, keys }: Recovery,
  { statement, signatures }: RecoverRecord,
): boolean {
  const message = signedBytes(genesisId, statement);
  return (
    signatures.length >= threshold &&
    signatures.every(({ key }) => keys.some((known) => equalBytes(known, key))) &&
    signatures.every(({ key, signature }) => verifyStrict(ed25519, key, message, signature))
  );
}
