/**
 * The word of a member in its control log that it came to the state of a snapshot by itself, from the operations: the CBOR
 * array `[[author, log id, seq, operation id, pieces], state hash, {[author, log id, [skip, take, skip, take…]]}]`. First where
 * the snapshot stands, then which operations it covers: of each log so many from the beginning are not, so many are, and so on.
 * So those who carry a space and cannot read it know which bodies may be missing. What they learn is which operations are
 * about the same asset, and not about which.
 */
import { fromHex, toHex } from '#core/kernel/index.ts';
import { type AssetReplica, STATE_LOGS_MAX } from '#sync/documents/index.ts';
import {
  type CborCursor,
  encodeArray,
  encodeByteString,
  encodeUnsigned,
  type LogName,
  operationInvalid,
  readArrayLength,
  readByteString,
  readEnd,
  readUnsigned,
  type SeqRange,
} from '#sync/log/index.ts';
import { PIECES_MAX } from './snapshot-record.ts';

export const ACKNOWLEDGE_SCHEMA = 'granary.acknowledge.v1';

/**
 * Bytes of an acknowledgement, which control logs keep for ever. An asset whose operations are scattered among so many others
 * that it takes more is not compacted.
 */
export const ACKNOWLEDGE_BYTES_MAX = 128 * 1024;

const ID_BYTES = 32;
const SEQ_LARGEST = 0xffff_ffff;

/** Where a snapshot stands: its operation, and behind it so many with the pieces. */
export interface SnapshotPlace extends LogName {
  readonly seq: number;
  readonly operationId: Uint8Array;
  readonly pieces: number;
}

/** The operations of one log that a snapshot covers. */
export interface CoveredSeqs extends LogName {
  /** Rising, with a gap between each two. */
  readonly ranges: readonly SeqRange[];
}

export interface AcknowledgeRecord {
  readonly snapshot: SnapshotPlace;
  readonly stateHash: Uint8Array;
  /** Rising by author and log id. */
  readonly covered: readonly CoveredSeqs[];
}

/** Which operations a state holds. */
export function coveredBy(state: AssetReplica): CoveredSeqs[] {
  return state.logs
    .filter(({ operations }) => operations.length > 0)
    .map(({ author, logId, operations }) => ({
      author: fromHex(author),
      logId: fromHex(logId),
      ranges: rangesOf(operations.map(({ seq }) => seq)),
    }))
    .sort((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
}

/** `seqs` rise. */
function rangesOf(seqs: readonly number[]): SeqRange[] {
  const ranges: { seqStart: number; seqEnd: number }[] = [];
  for (const seq of seqs) {
    const last = ranges.at(-1);
    if (last?.seqEnd === seq - 1) last.seqEnd = seq;
    else ranges.push({ seqStart: seq, seqEnd: seq });
  }
  return ranges;
}

/** True when one of the ranges holds the seq. */
export function isWithin(ranges: readonly SeqRange[], seq: number): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.seqEnd < seq) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]!.seqStart <= seq;
}

const nameOf = ({ author, logId }: LogName): string => toHex(author) + toHex(logId);

/** Errors: `OPERATION_INVALID` for a record that others would refuse. */
export function encodeAcknowledgeRecord({ snapshot, stateHash, covered }: AcknowledgeRecord): Uint8Array {
  const { author, logId, seq, operationId, pieces } = snapshot;
  const bytes = encodeArray([
    encodeArray([
      encodeByteString(author),
      encodeByteString(logId),
      encodeUnsigned(seq),
      encodeByteString(operationId),
      encodeUnsigned(pieces),
    ]),
    encodeByteString(stateHash),
    encodeArray(covered.map(encodeCovered)),
  ]);
  decodeAcknowledgeRecord(bytes);
  return bytes;
}

function encodeCovered({ author, logId, ranges }: CoveredSeqs): Uint8Array {
  let next = 0;
  const counts = ranges.flatMap(({ seqStart, seqEnd }) => {
    const skipped = seqStart - next;
    next = seqEnd + 1;
    return [skipped, next - seqStart];
  });
  return encodeArray([
    encodeByteString(author),
    encodeByteString(logId),
    encodeArray(counts.map((count) => encodeUnsigned(count))),
  ]);
}

/** Errors: `OPERATION_INVALID`. */
export function decodeAcknowledgeRecord(bytes: Uint8Array): AcknowledgeRecord {
  if (bytes.length > ACKNOWLEDGE_BYTES_MAX) throw operationInvalid(`an acknowledgement has ${bytes.length} bytes`);
  const cursor: CborCursor = { bytes, offset: 0 };
  readTuple(cursor, 3n);
  const snapshot = readPlace(cursor);
  const stateHash = readByteString(cursor, ID_BYTES);
  const count = readArrayLength(cursor);
  if (count === 0n || count > BigInt(STATE_LOGS_MAX)) {
    throw operationInvalid(`an acknowledgement says that ${count} logs are covered`);
  }
  const covered: CoveredSeqs[] = [];
  while (covered.length < Number(count)) covered.push(readCovered(cursor));
  readEnd(cursor);
  for (let i = 1; i < covered.length; i++) {
    if (nameOf(covered[i - 1]!) >= nameOf(covered[i]!)) {
      throw operationInvalid('the logs of an acknowledgement do not rise');
    }
  }
  return { snapshot, stateHash, covered };
}

function readPlace(cursor: CborCursor): SnapshotPlace {
  readTuple(cursor, 5n);
  return {
    author: readByteString(cursor, ID_BYTES),
    logId: readByteString(cursor, ID_BYTES),
    seq: Number(readUnsigned(cursor, BigInt(SEQ_LARGEST))),
    operationId: readByteString(cursor, ID_BYTES),
    pieces: Number(readUnsigned(cursor, BigInt(PIECES_MAX))),
  };
}

function readCovered(cursor: CborCursor): CoveredSeqs {
  readTuple(cursor, 3n);
  const [author, logId] = [readByteString(cursor, ID_BYTES), readByteString(cursor, ID_BYTES)];
  const count = readArrayLength(cursor);
  if (count === 0n || count % 2n === 1n) throw operationInvalid('an acknowledgement does not say what is covered');
  const ranges: SeqRange[] = [];
  for (let next = 0; ranges.length < Number(count / 2n);) {
    const seqStart = next + Number(readUnsigned(cursor, BigInt(SEQ_LARGEST)));
    next = seqStart + Number(readUnsigned(cursor, BigInt(SEQ_LARGEST)));
    const isEmpty = next === seqStart || (ranges.length > 0 && ranges.at(-1)!.seqEnd === seqStart - 1);
    if (isEmpty || next > SEQ_LARGEST + 1) throw operationInvalid('an acknowledgement covers what no log has');
    ranges.push({ seqStart, seqEnd: next - 1 });
  }
  return { author, logId, ranges };
}

function readTuple(cursor: CborCursor, length: bigint): void {
  const found = readArrayLength(cursor);
  if (found === length) return;
  throw operationInvalid(`a record of an acknowledgement has ${found} elements in the place of ${length}`);
}
