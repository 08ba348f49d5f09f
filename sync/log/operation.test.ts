import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import {
  decodeOperation,
  joinOperation,
  OPERATION_BODY_BYTES_MAX,
  signOperation,
  splitOperation,
  verifyOperation,
} from './operation.ts';
import { encodeHeader } from './header.ts';
import { blake3, ed25519, extensions, otherKey, upstreamKey as key } from './testing/fixtures.ts';

const refused = expect.objectContaining({ code: 'OPERATION_INVALID' });
const content = { seq: 0, backlink: undefined, extensions, body: toUtf8('a body') };
const operation = signOperation({ key, blake3 }, content);

const receive = (bytes: Uint8Array) => {
  const received = splitOperation({ blake3 }, bytes);
  verifyOperation({ ed25519 }, received);
  return received;
};

test('signed, joined, split and verified, an operation comes back whole', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.boolean(),
      (body, seq, backlink, isExtended) => {
        const signed = signOperation(
          { key, blake3 },
          {
            seq,
            backlink: seq > 0 ? backlink : undefined,
            extensions: isExtended ? extensions : undefined,
            body,
          },
        );
        expect(receive(joinOperation(signed))).toEqual(signed);
        expect(decodeOperation({ blake3 }, signed.headerBytes)).toEqual({ ...signed, body: undefined });
      },
    ),
    { seed: 5, numRuns: 200 },
  );
});

test('any flipped bit is refused', () => {
  const bytes = joinOperation(operation);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => receive(flipped), `bit ${bit}`).toThrow(refused);
  }
});

describe('refused', () => {
  test("another author's name on the signature", () => {
    const forged = { ...operation.header, publicKey: otherKey.publicKey };
    const received = decodeOperation({ blake3 }, encodeHeader(forged), content.body);
    expect(() => verifyOperation({ ed25519 }, received)).toThrow(refused);
  });

  test('a body that is not the signed one', () => {
    for (const body of [toUtf8('A body'), toUtf8('a bod'), toUtf8('a body '), new Uint8Array()]) {
      expect(() => decodeOperation({ blake3 }, operation.headerBytes, body)).toThrow(refused);
    }
  });

  test('a body where there is none', () => {
    const empty = signOperation({ key, blake3 }, { ...content, body: new Uint8Array() });
    expect(empty.body).toBeUndefined();
    expect(() => decodeOperation({ blake3 }, empty.headerBytes, toUtf8('x'))).toThrow(refused);
  });

  test('a stored operation without its body', () => {
    expect(() => splitOperation({ blake3 }, operation.headerBytes)).toThrow(refused);
  });
});

test('a body of the limit is taken, one byte more is not', () => {
  const body = new Uint8Array(OPERATION_BODY_BYTES_MAX);
  expect(receive(joinOperation(signOperation({ key, blake3 }, { ...content, body }))).body).toHaveLength(body.length);
  const tooLarge = new Uint8Array(OPERATION_BODY_BYTES_MAX + 1);
  const limit = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });
  expect(() => signOperation({ key, blake3 }, { ...content, body: tooLarge })).toThrow(limit);
  expect(() => decodeOperation({ blake3 }, operation.headerBytes, tooLarge)).toThrow(limit);
});
