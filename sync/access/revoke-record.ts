/**
 * The removal of a device: the CBOR array `[device, [[log id, seq, operation id]…]]`. The list is the frontier: what the
 * device signed up to there stays, everything later is void, and so is every log that is not listed, and another operation
 * in the place of the one that is named.
 */
import { type CborCursor, encodeArray, encodeByteString, encodeUnsigned, readUnsigned } from '#sync/log/index.ts';
import { decodable, readId, readRecord, readRising, readTuple, rising } from './record-fields.ts';

export const REVOKE_SCHEMA = 'granary.revoke.v1';

/** Logs in a frontier: a device has two for each incarnation, and so many make a record of 150 kB. */
export const FRONTIER_LOGS_MAX = 2048;

const SEQ_LARGEST = 0xffff_ffffn;

/** The last operation of one log that stays. */
export interface FrontierEntry {
  readonly logId: Uint8Array;
  readonly seq: number;
  /** Another operation in this place is not what the author of the revocation had seen, and does not stay. */
  readonly operationId: Uint8Array;
}

export interface RevokeRecord {
  readonly device: Uint8Array;
  /** One entry a log. */
  readonly frontier: readonly FrontierEntry[];
}

/** Errors: `OPERATION_INVALID` for a record that others would refuse. */
export function encodeRevokeRecord({ device, frontier }: RevokeRecord): Uint8Array {
  const entries = rising(frontier, ({ logId }) => logId).map(({ logId, seq, operationId }) =>
    encodeArray([encodeByteString(logId), encodeUnsigned(seq), encodeByteString(operationId)]),
  );
  return decodable(encodeArray([encodeByteString(device), encodeArray(entries)]), decodeRevokeRecord);
}

/** Errors: `OPERATION_INVALID`. */
export const decodeRevokeRecord = (bytes: Uint8Array): RevokeRecord =>
  readRecord(bytes, 2, (cursor) => ({
    device: readId(cursor),
    frontier: readRising(cursor, FRONTIER_LOGS_MAX, readFrontierEntry, ({ logId }) => logId),
  }));

function readFrontierEntry(cursor: CborCursor): FrontierEntry {
  readTuple(cursor, 3);
  return { logId: readId(cursor), seq: Number(readUnsigned(cursor, SEQ_LARGEST)), operationId: readId(cursor) };
}
