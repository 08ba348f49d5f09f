import { describe, expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { hashState, STATE_BYTES_MAX, STATE_LOGS_MAX } from '#sync/documents/index.ts';
import { encodeArray, encodeByteString, encodeUnsigned, type SeqRange } from '#sync/log/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import {
  ACKNOWLEDGE_BYTES_MAX,
  type AcknowledgeRecord,
  decodeAcknowledgeRecord,
  decodeSnapshotRecord,
  encodeAcknowledgeRecord,
  encodePieces,
  encodeSnapshotRecord,
  isWithin,
  joinPieces,
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
  return { stateHash: hashState(blake3, bytes), byteCount: bytes.length, covered: covered(logs) };
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
    encodeArray([encodeByteString(good.stateHash), encodeUnsigned(length), encodeUnsigned(pieces), encodeArray(logs)]);
  const log = (number: number) =>
    encodeArray([
      encodeByteString(new Uint8Array(32).fill(number)),
      encodeByteString(id(1)),
      encodeUnsigned(0),
      encodeByteString(id(2)),
    ]);

  test.each([
    ['with no bytes', encode(0, 0, [log(1)])],
    ['with too many bytes', encode(STATE_BYTES_MAX + 1, 137, [log(1)])],
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
    expect(throwing(() => encodeSnapshotRecord(recordOf(bytes, STATE_LOGS_MAX)))).toBe(false);
    expect(throwing(() => encodeSnapshotRecord(recordOf(bytes, STATE_LOGS_MAX + 1)))).toBe(true);
  });
});

describe('an acknowledgement', () => {
  const good: AcknowledgeRecord = {
    snapshot: { author: id(1), logId: id(2), seq: 7, operationId: id(3), pieces: 2 },
    stateHash: id(4),
    covered: [
      {
        author: id(5),
        logId: id(6),
        ranges: [
          { seqStart: 0, seqEnd: 3 },
          { seqStart: 5, seqEnd: 5 },
        ],
      },
    ],
  };
  const withRanges = (...ranges: SeqRange[]) => ({ ...good, covered: [{ ...good.covered[0]!, ranges }] });

  test('reads as it was written', () => {
    for (const record of [good, withRanges({ seqStart: 9, seqEnd: 9 })]) {
      expect(decodeAcknowledgeRecord(encodeAcknowledgeRecord(record))).toEqual(record);
    }
    const { ranges } = good.covered[0]!;
    expect([0, 1, 3, 4, 5, 6].map((seq) => isWithin(ranges, seq))).toEqual([true, true, true, false, true, false]);
  });

  test.each([
    ['that covers nothing', { ...good, covered: [] }],
    ['that covers nothing of a log', withRanges()],
    ['that says one thing in two', withRanges({ seqStart: 0, seqEnd: 3 }, { seqStart: 4, seqEnd: 5 })],
    ['beyond the end of any log', withRanges({ seqStart: 0, seqEnd: 2 ** 32 })],
    ['whose logs do not rise', { ...good, covered: [good.covered[0]!, good.covered[0]!] }],
    ['with more pieces than a state has', { ...good, snapshot: { ...good.snapshot, pieces: 1000 } }],
    [
      'of too many bytes',
      withRanges(...Array.from({ length: ACKNOWLEDGE_BYTES_MAX / 2 }, (_, i) => ({ seqStart: 2 * i, seqEnd: 2 * i }))),
    ],
  ])('is refused %s', (_, record) => {
    expect(throwing(() => encodeAcknowledgeRecord(record))).toBe(true);
  });
});
