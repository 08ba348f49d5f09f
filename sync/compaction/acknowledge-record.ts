/**
 * The word of a member in its control log that it came to the state of a snapshot by itself, from the operations: the CBOR
 * array `[snapshot id, state hash]`. It says nothing about the asset to those who carry it and cannot read.
 */
import {
  type CborCursor,
  encodeArray,
  encodeByteString,
  operationInvalid,
  readArrayLength,
  readByteString,
  readEnd,
} from '#sync/log/index.ts';

export const ACKNOWLEDGE_SCHEMA = 'granary.acknowledge.v1';

const ID_BYTES = 32;

export interface AcknowledgeRecord {
  /** Id of the operation with the record of the snapshot. */
  readonly snapshotId: Uint8Array;
  readonly stateHash: Uint8Array;
}

export const encodeAcknowledgeRecord = ({ snapshotId, stateHash }: AcknowledgeRecord): Uint8Array =>
  encodeArray([encodeByteString(snapshotId), encodeByteString(stateHash)]);

/** Errors: `OPERATION_INVALID`. */
export function decodeAcknowledgeRecord(bytes: Uint8Array): AcknowledgeRecord {
  const cursor: CborCursor = { bytes, offset: 0 };
  if (readArrayLength(cursor) !== 2n) throw operationInvalid('an acknowledgement has not two elements');
  const record = { snapshotId: readByteString(cursor, ID_BYTES), stateHash: readByteString(cursor, ID_BYTES) };
  readEnd(cursor);
  return record;
}
