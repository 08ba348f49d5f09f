import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import {
  type AnswerFrame,
  decodeAnswer,
  decodeRequest,
  encodeSegmentFrame,
  REQUEST_LEAVES_MAX,
  type RequestFrame,
  SEGMENT_FRAME_BYTES_MAX,
  SEGMENT_FRAMES,
} from './frames.ts';
import type { SealedName } from './sealed-segment.ts';

const request = fc.nat(2 ** 32 - 1);
const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const name = bytes(32).map((digest) => toHex(digest) as SealedName);

const requests: fc.Arbitrary<RequestFrame> = fc.oneof(
  fc.record({ kind: fc.constant('get-root' as const), request, name }),
  fc.record({ kind: fc.constant('get-page' as const), request, name, page: fc.nat(8191) }),
  fc.record({
    kind: fc.constant('get-leaves' as const),
    request,
    name,
    first: fc.nat(2 ** 22 - 1),
    count: fc.integer({ min: 1, max: REQUEST_LEAVES_MAX }),
  }),
  fc.record({ kind: fc.constant('cancel' as const), request }),
);

const answers: fc.Arbitrary<AnswerFrame> = fc.oneof(
  fc.record({
    kind: fc.constant('root' as const),
    request,
    rootRecord: fc.constantFrom(40, 72).chain((n) => bytes(n)),
  }),
  fc.record({
    kind: fc.constant('page' as const),
    request,
    leafHashes: fc.constantFrom(32, 64).chain((n) => bytes(n)),
  }),
  fc.record({ kind: fc.constant('leaf' as const), request, leaf: request, bytes: bytes(16, 200) }),
  fc.record({ kind: fc.constant('end' as const), request }),
  fc.record({ kind: fc.constant('refused' as const), request, reason: fc.constantFrom('unavailable', 'failed') }),
);

describe('frames', () => {
  test('come back as they were', () => {
    fc.assert(fc.property(requests, (frame) => void expect(decodeRequest(encodeSegmentFrame(frame))).toEqual(frame)));
    fc.assert(fc.property(answers, (frame) => void expect(decodeAnswer(encodeSegmentFrame(frame))).toEqual(frame)));
  });

  test('of the other side are refused', () => {
    const fault = { kind: 'fault', reason: 'frame-kind' };
    fc.assert(fc.property(requests, (frame) => void expect(decodeAnswer(encodeSegmentFrame(frame))).toEqual(fault)));
    fc.assert(fc.property(answers, (frame) => void expect(decodeRequest(encodeSegmentFrame(frame))).toEqual(fault)));
  });

  test('any bytes are a fault or a frame that is written the same way', () => {
    const start = fc.constantFrom(...Object.values(SEGMENT_FRAMES).map(({ code }) => code as number), 0, 5, 99);
    fc.assert(
      fc.property(start, bytes(0, 60), (code, rest) => {
        const given = Uint8Array.of(code, ...rest);
        for (const frame of [decodeRequest(given), decodeAnswer(given)]) {
          if (frame.kind !== 'fault') expect(encodeSegmentFrame(frame)).toEqual(given);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('with values out of range are refused', () => {
    const getLeaves = { kind: 'get-leaves', request: 1, name: '0'.repeat(64) as SealedName } as const;
    const wrong = [
      encodeSegmentFrame({ ...getLeaves, first: 0, count: 0 }),
      encodeSegmentFrame({ ...getLeaves, first: 0, count: REQUEST_LEAVES_MAX + 1 }),
      encodeSegmentFrame({ ...getLeaves, first: 2 ** 22, count: 1 }),
      encodeSegmentFrame({ ...getLeaves, kind: 'get-page', page: 8192 }),
    ];
    for (const each of wrong) expect(decodeRequest(each)).toEqual({ kind: 'fault', reason: 'frame-value' });
    expect(decodeAnswer(Uint8Array.of(21, 0, 0, 0, 1, 3))).toEqual({ kind: 'fault', reason: 'frame-value' });
  });

  test('fit the transport, every kind of them', () => {
    for (const { bytesMax } of Object.values(SEGMENT_FRAMES))
      expect(bytesMax + 5).toBeLessThanOrEqual(SEGMENT_FRAME_BYTES_MAX);
  });
});
