import { describe, expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { encodeArray, encodeByteString, encodeUnsigned } from '#sync/log/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import {
  decodeAcknowledgeRecord,
  decodeSnapshotRecord,
  encodePieces,
  encodeSnapshotRecord,
  joinPieces,
  SNAPSHOT_BYTES_MAX,
  SNAPSHOT_LOGS_MAX,
  SNAPSHOT_PIECE_BYTES,
  type SnapshotRecord,
} from './index.ts';

const refused = (error: unknown): boolean => isGranaryError(error, 'OPERATION_INVALID');
const throwing = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return refused(error);
  }
  return false;
};

const id = (number: number): Uint8Array => blake3(Uint8Array.of(number & 255, number >> 8));
const covered = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ author: id(i), logId: id(1), seq: i, operationId: id(2) }));

function recordOf(bytes: Uint8Array, logs = 2): SnapshotRecord {
  return { stateHash: id(9), bytesHash: blake3(bytes), byteCount: bytes.length, covered: covered(logs) };
}

describe('a state in pieces', () => {
  test.each([1, SNAPSHOT_PIECE_BYTES, SNAPSHOT_PIECE_BYTES + 1, 3 * SNAPSHOT_PIECE_BYTES - 1])(
    'of %d bytes',
    (size) => {
      const bytes = Uint8Array.from({ length: size }, (_, i) => i % 251);
      const record = decodeSnapshotRecord(encodeSnapshotRecord(recordOf(bytes)));
      const pieces = encodePieces(bytes);
      expect(joinPieces({ blake3 }, record, pieces)).toEqual(bytes);
      const others = [
        pieces.slice(1),
        [...pieces, pieces[0]!],
        pieces.toReversed(),
        encodePieces(bytes.map((b) => b ^ 1)),
      ];
      for (const other of pieces.length > 1 ? others : [others[0]!, others[1]!, others[3]!]) {
        expect(throwing(() => joinPieces({ blake3 }, record, other))).toBe(true);
      }
    },
  );
});

describe('a record is refused', () => {
  const bytes = Uint8Array.of(1);
  const good = recordOf(bytes);
  const encode = (length: number, pieces: number, logs: readonly Uint8Array[]) =>
    encodeArray([
      encodeByteString(good.stateHash),
      encodeByteString(good.bytesHash),
      encodeUnsigned(length),
      encodeUnsigned(pieces),
      encodeArray(logs),
    ]);
  const log = (number: number) =>
    encodeArray([
      encodeByteString(new Uint8Array(32).fill(number)),
      encodeByteString(id(1)),
      encodeUnsigned(0),
      encodeByteString(id(2)),
    ]);

  test.each([
    ['with no bytes', encode(0, 0, [log(1)])],
    ['with too many bytes', encode(SNAPSHOT_BYTES_MAX + 1, 137, [log(1)])],
    ['with other pieces than its bytes take', encode(1, 2, [log(1)])],
    ['that covers nothing', encode(1, 1, [])],
    ['whose logs do not rise', encode(1, 1, [log(2), log(1)])],
    ['that names a log twice', encode(1, 1, [log(1), log(1)])],
    ['with bytes behind its end', Uint8Array.from([...encode(1, 1, [log(1)]), 0])],
    ['that is no array', Uint8Array.of(0)],
  ])('%s', (_, record) => {
    expect(throwing(() => decodeSnapshotRecord(record))).toBe(true);
  });

  test('that covers too many logs', () => {
    expect(throwing(() => encodeSnapshotRecord(recordOf(bytes, SNAPSHOT_LOGS_MAX)))).toBe(false);
    expect(throwing(() => encodeSnapshotRecord(recordOf(bytes, SNAPSHOT_LOGS_MAX + 1)))).toBe(true);
  });

  test('of an acknowledgement that is not two hashes', () => {
    for (const record of [[id(1)], [id(1), id(2), id(3)], [id(1).subarray(1), id(2)]]) {
      expect(throwing(() => decodeAcknowledgeRecord(encodeArray(record.map(encodeByteString))))).toBe(true);
    }
  });
});
