import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toUtf8, type Uuid } from '#core/kernel/index.ts';
import { encodeArray, encodeByteString, encodeText, encodeUnsigned } from './canonical-cbor.ts';
import {
  CLOCK_AHEAD_MS_MAX,
  decodeEnvelope,
  encodeEnvelope,
  type Envelope,
  ENVELOPE_DEPENDENCIES_MAX,
  type EnvelopeContent,
  isClockAhead,
  sortDependencies,
  uuidToBytes,
} from './envelope.ts';
import { OPERATION_BODY_BYTES_MAX } from './operation.ts';

const SPACE = '01890a5d-ac96-774b-bcce-b302099a8057' as Uuid;
const SUBJECT = '01890a5d-ac96-774b-bcce-b302099a8058' as Uuid;
const id = (fill: number) => new Uint8Array(32).fill(fill);
const envelope: Envelope = {
  schema: 'granary.test.v1',
  space: SPACE,
  subject: SUBJECT,
  clock: { wall: 1_754_300_000_000, counter: 3 },
  dependencies: [id(1), id(2)],
  content: { kind: 'record', bytes: toUtf8('{}') },
};
const refused = expect.objectContaining({ code: 'OPERATION_INVALID' });
const limited = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });

const arbitraryEnvelope: fc.Arbitrary<Envelope> = fc.record({
  schema: fc.stringMatching(/^[a-z.0-9é]{0,20}$/),
  space: fc.uuid() as fc.Arbitrary<string> as fc.Arbitrary<Uuid>,
  subject: fc.uuid() as fc.Arbitrary<string> as fc.Arbitrary<Uuid>,
  clock: fc.record({ wall: fc.nat({ max: Number.MAX_SAFE_INTEGER }), counter: fc.nat({ max: 0xffff_ffff }) }),
  dependencies: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 5 }).map(sortDependencies),
  content: fc.oneof(
    fc.record({ kind: fc.constantFrom('record' as const, 'yjs-update' as const), bytes: fc.uint8Array() }),
    fc.record({
      kind: fc.constant('unknown' as const),
      code: fc.integer({ min: 2, max: 0xffff }),
      bytes: fc.uint8Array(),
    }),
  ) as fc.Arbitrary<EnvelopeContent>,
});

test('any envelope reads back as it was', () => {
  fc.assert(
    fc.property(arbitraryEnvelope, (any) => {
      expect(decodeEnvelope(encodeEnvelope(any))).toEqual(any);
    }),
    { seed: 21, numRuns: 500 },
  );
});

test('bytes that are accepted after any change are the only form of what they say', () => {
  fc.assert(
    fc.property(arbitraryEnvelope, fc.nat(), fc.integer({ min: 0, max: 255 }), (any, place, byte) => {
      const changed = encodeEnvelope(any);
      changed[place % changed.length] = byte;
      let decoded;
      try {
        decoded = decodeEnvelope(changed);
      } catch (error) {
        expect(error).toEqual(refused);
        return;
      }
      expect(encodeEnvelope(decoded)).toEqual(changed);
    }),
    { seed: 22, numRuns: 2000 },
  );
});

test('every cut and every byte more is refused', () => {
  const whole = encodeEnvelope(envelope);
  for (let end = 0; end < whole.length; end++) expect(() => decodeEnvelope(whole.subarray(0, end))).toThrow(refused);
  expect(() => decodeEnvelope(Uint8Array.from([...whole, 0]))).toThrow(refused);
});

describe('refused when read', () => {
  const parts = (changes: Record<number, Uint8Array>) =>
    encodeArray(
      [
        encodeUnsigned(1),
        encodeText('s'),
        encodeByteString(uuidToBytes(SPACE)),
        encodeByteString(uuidToBytes(SUBJECT)),
        encodeArray([encodeUnsigned(1), encodeUnsigned(0)]),
        encodeArray([]),
        encodeUnsigned(0),
        encodeByteString(new Uint8Array()),
      ].map((part, i) => changes[i] ?? part),
    );
  const ids = (...fills: number[]) => encodeArray(fills.map((fill) => encodeByteString(id(fill))));

  test.each<[string, Record<number, Uint8Array>]>([
    ['a later version', { 0: encodeUnsigned(2) }],
    ['a long schema name', { 1: encodeText('s'.repeat(65)) }],
    ['a schema name that is not UTF-8', { 1: Uint8Array.of(0x61, 0xff) }],
    ['a schema name behind a byte order mark', { 1: Uint8Array.of(0x64, 0xef, 0xbb, 0xbf, 0x61) }],
    ['a space that is no UUID', { 2: encodeByteString(new Uint8Array(16)) }],
    ['a clock beyond exact numbers', { 4: encodeArray([encodeUnsigned(2n ** 53n), encodeUnsigned(0)]) }],
    ['a clock of one number', { 4: encodeArray([encodeUnsigned(1)]) }],
    ['dependencies that fall', { 5: ids(2, 1) }],
    ['a dependency named twice', { 5: ids(1, 1) }],
    ['more dependencies than allowed', { 5: ids(...Array<number>(ENVELOPE_DEPENDENCIES_MAX + 1).fill(1)) }],
    ['a kind beyond 16 bits', { 6: encodeUnsigned(0x1_0000) }],
  ])('%s', (_, changes) => {
    decodeEnvelope(parts({}));
    expect(() => decodeEnvelope(parts(changes))).toThrow(refused);
  });
});

test('what does not fit is refused when written', () => {
  const large = new Uint8Array(OPERATION_BODY_BYTES_MAX);
  expect(() => encodeEnvelope({ ...envelope, content: { kind: 'record', bytes: large } })).toThrow(limited);
  expect(() => encodeEnvelope({ ...envelope, schema: 's'.repeat(65) })).toThrow(limited);
  const dependencies = Array.from({ length: ENVELOPE_DEPENDENCIES_MAX + 1 }, () => id(1));
  expect(() => encodeEnvelope({ ...envelope, dependencies })).toThrow(limited);
});

test('a clock that is far ahead is kept and told', () => {
  const now = envelope.clock.wall - CLOCK_AHEAD_MS_MAX;
  expect(isClockAhead(envelope, now)).toBe(false);
  expect(isClockAhead(envelope, now - 1)).toBe(true);
  const late = { ...envelope, clock: { wall: Number.MAX_SAFE_INTEGER, counter: 0xffff_ffff } };
  expect(decodeEnvelope(encodeEnvelope(late))).toEqual(late);
});
