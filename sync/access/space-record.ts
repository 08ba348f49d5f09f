/**
 * The founding of a space: the CBOR array `[name, device name, agreement key, random, recovery: [] or [threshold,
 * [key…]]]`. The id of the operation that carries it names the space; its author is the first who may manage it.
 */
import {
  type CborCursor,
  encodeArray,
  encodeByteString,
  encodeText,
  encodeUnsigned,
  operationInvalid,
  readArrayLength,
  readByteString,
  readUnsigned,
} from '#sync/log/index.ts';
import {
  decodable,
  ID_BYTES,
  readAgreementKey,
  readDisplayName,
  readId,
  readRecord,
  readRising,
  rising,
} from './record-fields.ts';

export const SPACE_SCHEMA = 'granary.space.v1';

/** Keys that can restore the management of a space: as many people as a cooperative trusts together, and a small record. */
export const RECOVERY_KEYS_MAX = 16;

/** So many of the keys, together, name new managers. */
export interface Recovery {
  /** From 1 to the number of keys. */
  readonly threshold: number;
  /** Ed25519 public keys, each once. */
  readonly keys: readonly Uint8Array[];
}

export interface SpaceRecord {
  readonly name: string;
  /** What the founder calls its device. */
  readonly deviceName: string;
  /** The founder's X25519 key. */
  readonly encryptionKey: Uint8Array;
  /** 32 bytes: the id of the space cannot be guessed from what it is about. */
  readonly random: Uint8Array;
  /** Undefined for a space that is lost once its managers are. */
  readonly recovery: Recovery | undefined;
}

/** Errors: `OPERATION_INVALID` for a record that others would refuse. */
export function encodeSpaceRecord({ name, deviceName, encryptionKey, random, recovery }: SpaceRecord): Uint8Array {
  const keys = rising(recovery?.keys ?? [], (key) => key).map(encodeByteString);
  const record = encodeArray([
    encodeText(name),
    encodeText(deviceName),
    encodeByteString(encryptionKey),
    encodeByteString(random),
    encodeArray(recovery ? [encodeUnsigned(recovery.threshold), encodeArray(keys)] : []),
  ]);
  return decodable(record, decodeSpaceRecord);
}

/** Errors: `OPERATION_INVALID`. */
export const decodeSpaceRecord = (bytes: Uint8Array): SpaceRecord =>
  readRecord(bytes, 5, (cursor) => ({
    name: readDisplayName(cursor),
    deviceName: readDisplayName(cursor),
    encryptionKey: readAgreementKey(cursor),
    random: readByteString(cursor, ID_BYTES),
    recovery: readRecovery(cursor),
  }));

function readRecovery(cursor: CborCursor): Recovery | undefined {
  const length = readArrayLength(cursor);
  if (length === 0n) return undefined;
  if (length !== 2n) throw operationInvalid(`its recovery has ${length} elements`);
  const threshold = Number(readUnsigned(cursor, BigInt(RECOVERY_KEYS_MAX)));
  const keys = readRising(cursor, RECOVERY_KEYS_MAX, readId, (key) => key);
  if (threshold < 1 || threshold > keys.length) {
    throw operationInvalid(`its recovery takes ${threshold} of ${keys.length} keys`);
  }
  return { threshold, keys };
}
