/** A level given to a device, the first or another: the CBOR array `[device, level, agreement key, device name]`. */
import { encodeArray, encodeByteString, encodeText, encodeUnsigned, readUnsigned } from '#sync/log/index.ts';
import { type Level, LEVELS } from './level.ts';
import { decodable, readAgreementKey, readDisplayName, readId, readRecord } from './record-fields.ts';

export const GRANT_SCHEMA = 'granary.grant.v1';

export interface GrantRecord {
  /** Ed25519 public key of the device. */
  readonly device: Uint8Array;
  readonly level: Level;
  /** The device's X25519 key. */
  readonly encryptionKey: Uint8Array;
  readonly name: string;
}

/** Errors: `OPERATION_INVALID` for a record that others would refuse. */
export function encodeGrantRecord({ device, level, encryptionKey, name }: GrantRecord): Uint8Array {
  const record = encodeArray([
    encodeByteString(device),
    encodeUnsigned(LEVELS.indexOf(level)),
    encodeByteString(encryptionKey),
    encodeText(name),
  ]);
  return decodable(record, decodeGrantRecord);
}

/** Errors: `OPERATION_INVALID`. */
export const decodeGrantRecord = (bytes: Uint8Array): GrantRecord =>
  readRecord(bytes, 4, (cursor) => ({
    device: readId(cursor),
    level: LEVELS[Number(readUnsigned(cursor, BigInt(LEVELS.length - 1)))]!,
    encryptionKey: readAgreementKey(cursor),
    name: readDisplayName(cursor),
  }));
