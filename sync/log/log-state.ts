/**
 * What a node knows about one log of any device, besides its operations. Its stored form is the CBOR array
 * `[1, arrival, bytes, verified count, provisional bytes, frozen from: [] or [seq] or [seq, bytes behind it], refused: [] or
 * [operation id]]`.
 */
import {
  type CborCursor,
  encodeArray,
  encodeByteString,
  encodeUnsigned,
  readArrayLength,
  readByteString,
  readEnd,
  readUnsigned,
} from './canonical-cbor.ts';
import type { LogName, LogTip } from './log-keys.ts';
import { operationInvalid } from './operation-invalid.ts';

const STATE_VERSION = 1;
const STATE_LENGTH = 7n;
const COUNT_LARGEST = 2n ** 32n;
const SAFE_LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

export interface LogState {
  /** The last operation that counts: never one at or behind a fork. Undefined for an empty log. */
  readonly tip: LogTip | undefined;
  /** Number of the latest change of `tip` or `frozenFrom` in this store; 0 before the first. */
  readonly arrival: number;
  /** Bytes of the operations that count. */
  readonly byteCount: number;
  /** The signatures of the operations before this seq have been checked; later ones stand on the hash chain alone. */
  readonly verifiedCount: number;
  /** Bytes of the operations whose signatures are still to be checked. */
  readonly provisionalBytes: number;
  /** The least seq that the author is proven to have signed twice: nothing from there on is accepted. */
  readonly frozenFrom: number | undefined;
  /** Bytes of the operations from there on that are still on the disk. */
  readonly frozenBytes: number;
  /** The operation whose signature did not hold when it was checked; the log was cut before it. */
  readonly refusedId: Uint8Array | undefined;
}

/** One log as others see it. */
export interface LogHead extends LogName, LogState {}

export const EMPTY_LOG: LogState = {
  tip: undefined,
  arrival: 0,
  byteCount: 0,
  verifiedCount: 0,
  provisionalBytes: 0,
  frozenFrom: undefined,
  frozenBytes: 0,
  refusedId: undefined,
};

/** How many operations of the log count. */
export const operationCount = ({ tip }: Pick<LogState, 'tip'>): number => (tip ? tip.seq + 1 : 0);

export function encodeLogState(state: LogState): Uint8Array {
  return encodeArray([
    encodeUnsigned(STATE_VERSION),
    encodeUnsigned(state.arrival),
    encodeUnsigned(state.byteCount),
    encodeUnsigned(state.verifiedCount),
    encodeUnsigned(state.provisionalBytes),
    encodeFrozen(state),
    encodeArray(state.refusedId ? [encodeByteString(state.refusedId)] : []),
  ]);
}

function encodeFrozen({ frozenFrom, frozenBytes }: LogState): Uint8Array {
  if (frozenFrom === undefined) return encodeArray([]);
  return encodeArray([encodeUnsigned(frozenFrom), ...(frozenBytes > 0 ? [encodeUnsigned(frozenBytes)] : [])]);
}

function readFrozen(cursor: CborCursor): Pick<LogState, 'frozenFrom' | 'frozenBytes'> {
  const length = readArrayLength(cursor);
  const frozenFrom = length > 0n ? Number(readUnsigned(cursor, COUNT_LARGEST)) : undefined;
  return { frozenFrom, frozenBytes: length > 1n ? Number(readUnsigned(cursor, SAFE_LARGEST)) : 0 };
}

/** Errors: `OPERATION_INVALID`. */
export function decodeLogState(bytes: Uint8Array, tip: LogTip | undefined): LogState {
  const cursor = { bytes, offset: 0 };
  if (readArrayLength(cursor) !== STATE_LENGTH || readUnsigned(cursor, SAFE_LARGEST) !== BigInt(STATE_VERSION)) {
    throw operationInvalid('the state of its log is of an unknown form');
  }
  const optional = <T>(read: () => T): T | undefined => (readArrayLength(cursor) === 0n ? undefined : read());
  const state = {
    tip,
    arrival: Number(readUnsigned(cursor, SAFE_LARGEST)),
    byteCount: Number(readUnsigned(cursor, SAFE_LARGEST)),
    verifiedCount: Number(readUnsigned(cursor, COUNT_LARGEST)),
    provisionalBytes: Number(readUnsigned(cursor, SAFE_LARGEST)),
    ...readFrozen(cursor),
    refusedId: optional(() => readByteString(cursor, 32)),
  };
  readEnd(cursor);
  return state;
}

/**
 * What a hash over many logs takes in of one: the CBOR array `[author, log id, tip: [] or [seq, id], frozen from: [] or
 * [seq]]`. It depends on which operations and proofs a node has, not on the order they came in.
 */
export function encodeRootInput({ author, logId, tip, frozenFrom }: LogHead): Uint8Array {
  return encodeArray([
    encodeByteString(author),
    encodeByteString(logId),
    encodeArray(tip ? [encodeUnsigned(tip.seq), encodeByteString(tip.operationId)] : []),
    encodeArray(frozenFrom === undefined ? [] : [encodeUnsigned(frozenFrom)]),
  ]);
}
