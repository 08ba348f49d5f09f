import { describe, expect, test } from 'vitest';
import { equalBytes, toHex } from '#core/kernel/index.ts';
import { encodeArray, encodeByteString, encodeUnsigned } from './canonical-cbor.ts';
import { checkForkProof, encodeForkProof, FORK_PROOF_BYTES_MAX } from './fork-proof.ts';
import { OPERATION_SEQ_MAX } from './local-log.ts';
import { type SignedOperation, signOperation } from './operation.ts';
import { blake3, ed25519, extensions, upstreamKey } from './testing/fixtures.ts';
import { AUTHOR, keyOf, LOG_ID, logIdOf, signChain, signNext, withBadSignature } from './testing/signed-logs.ts';

const refused = expect.objectContaining({ code: 'OPERATION_INVALID' });
const check = (proof: Uint8Array) => checkForkProof({ blake3, ed25519 }, proof);
const [first, second] = signChain(2) as [SignedOperation, SignedOperation];
const branch = signNext(first, { body: 'branch' });
const [low, high] = toHex(second.id) < toHex(branch.id) ? [second, branch] : [branch, second];
const join = (...headers: SignedOperation[]) =>
  encodeArray([encodeUnsigned(1), ...headers.map(({ headerBytes }) => encodeByteString(headerBytes))]);

test('is the same whichever branch comes first, and names the place', () => {
  const proof = encodeForkProof(second, branch);
  expect(equalBytes(proof, encodeForkProof(branch, second))).toBe(true);
  expect(check(proof)).toMatchObject({ name: { author: AUTHOR, logId: LOG_ID }, seq: 1 });
});

test('the largest headers fit', () => {
  const largest = (body: string) =>
    signOperation(
      { key: upstreamKey, blake3 },
      {
        seq: OPERATION_SEQ_MAX,
        backlink: first.id,
        extensions: { ...extensions, timestampMicros: 2n ** 64n - 1n },
        body: new Uint8Array(70_000).fill(body.length),
      },
    );
  const proof = encodeForkProof(largest('a'), largest('bb'));
  expect(proof.length).toBeLessThanOrEqual(FORK_PROOF_BYTES_MAX);
  expect(check(proof).seq).toBe(OPERATION_SEQ_MAX);
});

describe('proves nothing', () => {
  const other = signNext(first, { logId: logIdOf(1) });
  const stranger = signNext(first, { key: keyOf(1) });
  const ordered = (a: SignedOperation, b: SignedOperation) => encodeForkProof(a, b);
  test.each([
    ['one operation twice', join(low, low)],
    ['the wrong order', join(high, low)],
    ['two places', ordered(first, second)],
    ['two logs', ordered(second, other)],
    ['two authors', ordered(second, stranger)],
    [
      'no log',
      ordered(
        signOperation(
          { key: upstreamKey, blake3 },
          { seq: 0, backlink: undefined, extensions: undefined, body: new Uint8Array() },
        ),
        first,
      ),
    ],
    ['one header', join(low)],
    ['three headers', join(low, high, high)],
    ['bytes after the end', Uint8Array.from([...join(low, high), 0])],
    ['more bytes than two headers', new Uint8Array(FORK_PROOF_BYTES_MAX + 1)],
    [
      'a later form',
      encodeArray([encodeUnsigned(2), ...[low, high].map(({ headerBytes }) => encodeByteString(headerBytes))]),
    ],
  ])('%s', (_, proof) => {
    expect(() => check(proof)).toThrow(refused);
  });

  test('unless both are signed', () => {
    for (const [good, bad] of [
      [second, branch],
      [branch, second],
    ] as const) {
      // Whether it comes first or second depends on its id, so several.
      for (const body of ['1', '2', '3', '4', '5', '6']) {
        const unsigned = withBadSignature(signNext(first, { body }));
        expect(() => check(encodeForkProof(good, unsigned))).toThrow(refused);
      }
      expect(() => check(encodeForkProof(good, withBadSignature(bad)))).toThrow(refused);
    }
  });
});
