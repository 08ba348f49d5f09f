/**
 * A snapshot of an asset in a data log: one operation that says what it is, and behind it in the same log those that carry
 * the state, each with a piece. Both are records about the asset.
 *
 * | schema                     | record                                                                                          |
 * | -------------------------- | ----------------------------------------------------------------------------------------------- |
 * | `granary.snapshot.v1`      | `[state hash, byte count, pieces, {[author, log id, seq, operation id]}]`                       |
 * | `granary.snapshotpiece.v1` | `[piece, bytes]`, pieces from 0                                                                 |
 */
import { concatBytes, equalBytes, toHex } from '#core/kernel/index.ts';
import { hashState, STATE_BYTES_MAX, STATE_LOGS_MAX } from '#sync/documents/index.ts';
import {
  type Blake3,
  type CborCursor,
  encodeArray,
  encodeByteString,
  encodeUnsigned,
  operationInvalid,
  readArrayLength,
  readByteString,
  readBytesUpTo,
  readEnd,
  readUnsigned,
} from '#sync/log/index.ts';

export const SNAPSHOT_SCHEMA = 'granary.snapshot.v1';
export const SNAPSHOT_PIECE_SCHEMA = 'granary.snapshotpiece.v1';

/** Bytes of one piece: what is left of a body of 256 KiB once it is sealed and has its envelope. */
export const SNAPSHOT_PIECE_BYTES = 240 * 1024;

const ID_BYTES = 32;
const HEAD_LENGTH = 4n;
const COVERED_LENGTH = 4n;
const PIECE_LENGTH = 2n;
const SEQ_LARGEST = 0xffff_ffffn;
/** Pieces of the largest state. */
export const PIECES_MAX = Math.ceil(STATE_BYTES_MAX / SNAPSHOT_PIECE_BYTES);

/** The last operation about the asset, in one log, that the state holds; it holds all before it too. */
export interface CoveredLog {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  readonly seq: number;
  readonly operationId: Uint8Array;
}

export interface SnapshotRecord {
  /** See `hashState`: what those who acknowledge it have come to by themselves. */
  readonly stateHash: Uint8Array;
  /** Of the state. */
  readonly byteCount: number;
  /** Rising by author and log, each once. */
  readonly covered: readonly CoveredLog[];
}

export const pieceCount = (byteCount: number): number => Math.ceil(byteCount / SNAPSHOT_PIECE_BYTES);

const nameOf = ({ author, logId }: Pick<CoveredLog, 'author' | 'logId'>): string => toHex(author) + toHex(logId);

/** Errors: `OPERATION_INVALID` for a record that others would refuse. */
export function encodeSnapshotRecord({ stateHash, byteCount, covered }: SnapshotRecord): Uint8Array {
  const logs = covered.toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
  const bytes = encodeArray([
    encodeByteString(stateHash),
    encodeUnsigned(byteCount),
    encodeUnsigned(pieceCount(byteCount)),
    encodeArray(
      logs.map(({ author, logId, seq, operationId }) =>
        encodeArray([
          encodeByteString(author),
          encodeByteString(logId),
          encodeUnsigned(seq),
          encodeByteString(operationId),
        ]),
      ),
    ),
  ]);
  decodeSnapshotRecord(bytes);
  return bytes;
}

/** Errors: `OPERATION_INVALID`. */
export function decodeSnapshotRecord(bytes: Uint8Array): SnapshotRecord {
  const cursor: CborCursor = { bytes, offset: 0 };
  readTuple(cursor, HEAD_LENGTH);
  const stateHash = readByteString(cursor, ID_BYTES);
  const byteCount = Number(readUnsigned(cursor, BigInt(STATE_BYTES_MAX)));
  const pieces = Number(readUnsigned(cursor, BigInt(PIECES_MAX)));
  if (pieces === 0 || pieces !== pieceCount(byteCount)) {
    throw operationInvalid(`a snapshot of ${byteCount} bytes says that it has ${pieces} pieces`);
  }
  const count = readArrayLength(cursor);
  if (count === 0n || count > BigInt(STATE_LOGS_MAX)) throw operationInvalid(`a snapshot covers ${count} logs`);
  const covered = Array.from({ length: Number(count) }, () => readCovered(cursor));
  readEnd(cursor);
  for (let i = 1; i < covered.length; i++) {
    if (nameOf(covered[i - 1]!) >= nameOf(covered[i]!)) throw operationInvalid('the logs of a snapshot do not rise');
  }
  return { stateHash, byteCount, covered };
}

function readCovered(cursor: CborCursor): CoveredLog {
  readTuple(cursor, COVERED_LENGTH);
  return {
    author: readByteString(cursor, ID_BYTES),
    logId: readByteString(cursor, ID_BYTES),
    seq: Number(readUnsigned(cursor, SEQ_LARGEST)),
    operationId: readByteString(cursor, ID_BYTES),
  };
}

/** The records of the pieces, in order. */
export const encodePieces = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: pieceCount(bytes.length) }, (_, piece) => {
    const start = piece * SNAPSHOT_PIECE_BYTES;
    const part = bytes.subarray(start, start + SNAPSHOT_PIECE_BYTES);
    return encodeArray([encodeUnsigned(piece), encodeByteString(part)]);
  });

/**
 * The state from the records of its pieces. Errors: `OPERATION_INVALID` when they are not exactly those that the snapshot
 * names.
 */
export function joinPieces(
  { blake3 }: { readonly blake3: Blake3 },
  { byteCount, stateHash }: SnapshotRecord,
  pieces: readonly Uint8Array[],
): Uint8Array {
  if (pieces.length !== pieceCount(byteCount)) throw operationInvalid('a snapshot has too few or too many pieces');
  const bytes = concatBytes(
    pieces.map((record, place) => {
      const cursor: CborCursor = { bytes: record, offset: 0 };
      readTuple(cursor, PIECE_LENGTH);
      const piece = Number(readUnsigned(cursor, BigInt(PIECES_MAX)));
      if (piece !== place) throw operationInvalid(`piece ${piece} of a snapshot stands in the place of ${place}`);
      const part = readBytesUpTo(cursor, SNAPSHOT_PIECE_BYTES);
      readEnd(cursor);
      return part;
    }),
  );
  if (bytes.length !== byteCount || !equalBytes(hashState(blake3, bytes), stateHash)) {
    throw operationInvalid('the pieces of a snapshot are not what it names');
  }
  return bytes;
}

function readTuple(cursor: CborCursor, length: bigint): void {
  const found = readArrayLength(cursor);
  if (found !== length)
    throw operationInvalid(`a record of a snapshot has ${found} elements in the place of ${length}`);
}
