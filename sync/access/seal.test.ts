import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '#core/kernel/index.ts';
import { OPERATION_BODY_BYTES_MAX } from '#sync/log/index.ts';
import { blake3, countingRandom, hex } from '#sync/log/testing/fixtures.ts';
import { nodeOneTimeCipher as cipher } from './adapters/node-one-time-cipher.ts';
import { nodeX25519 as x25519 } from './adapters/node-x25519.ts';
import {
  agreementKeyOf,
  createKey,
  isAgreementKey,
  keyCheck,
  openBody,
  openKey,
  openPreviousKey,
  readSealedBody,
  SEALED_BODY_PLAIN_BYTES_MAX,
  SEALED_KEY_BYTES,
  sealBody,
  sealKey,
  sealPreviousKey,
} from './index.ts';
import { GENESIS_ID, goldenAgreement, goldenDevice, goldenPlace } from './testing/golden-space.ts';

const random = countingRandom(3);
const deps = { blake3, x25519, cipher, random };
const key = createKey(deps);
const place = { genesisId: GENESIS_ID, check: keyCheck(blake3, GENESIS_ID, key) };
const other = x25519.keyFromSecret(new Uint8Array(32).fill(5));
const flipped = (bytes: Uint8Array, bit: number) =>
  Uint8Array.from(bytes, (byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

/** Points of small order, in all forms of 32 bytes. Source: cr.yp.to/ecdh.html. */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(hex);

describe('agreement keys', () => {
  test('agree as RFC 7748 §6.1 says', () => {
    const alice = x25519.keyFromSecret(hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'));
    expect(alice.publicKey).toEqual(hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'));
    const bob = hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
    expect(alice.agree(bob)).toEqual(hex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'));
  });

  test('follow from the device alone', () => {
    expect(agreementKeyOf(x25519, goldenDevice).publicKey).toEqual(goldenAgreement.publicKey);
    expect(isAgreementKey(goldenAgreement.publicKey)).toBe(true);
    expect(goldenAgreement.publicKey).not.toEqual(goldenDevice.publicKey);
  });

  test.each(SMALL_ORDER)('of small order are refused (%#)', (point) => {
    expect(isAgreementKey(point)).toBe(false);
    expect(() => sealKey(deps, GENESIS_ID, point, key)).toThrow(expect.objectContaining({ code: 'OPERATION_INVALID' }));
    const sealed = concatBytes([point, new Uint8Array(SEALED_KEY_BYTES - 32)]);
    expect(openKey(deps, goldenAgreement, place, sealed)).toBeUndefined();
  });

  test('in a form that is not their only one are refused', () => {
    expect(isAgreementKey(flipped(goldenAgreement.publicKey, 255))).toBe(false);
    expect(isAgreementKey(new Uint8Array(31))).toBe(false);
    expect(isAgreementKey(hex(`f6${'ff'.repeat(30)}7f`))).toBe(false);
  });
});

describe('a sealed key', () => {
  const sealed = sealKey(deps, GENESIS_ID, goldenAgreement.publicKey, key);

  test('opens for its device', () => {
    expect(sealed).toHaveLength(SEALED_KEY_BYTES);
    expect(openKey(deps, goldenAgreement, place, sealed)).toEqual(key);
    expect(sealKey(deps, GENESIS_ID, goldenAgreement.publicKey, key)).not.toEqual(sealed);
  });

  test('opens for no other, in no other space and not when it was changed', () => {
    expect(openKey(deps, other, place, sealed)).toBeUndefined();
    expect(openKey(deps, goldenAgreement, { ...place, genesisId: new Uint8Array(32) }, sealed)).toBeUndefined();
    expect(openKey(deps, goldenAgreement, { ...place, check: new Uint8Array(32) }, sealed)).toBeUndefined();
    // The last bit of a public key counts for nothing in X25519, but here the key is part of what is hashed.
    for (let bit = 0; bit < 8 * SEALED_KEY_BYTES; bit++) {
      expect(openKey(deps, goldenAgreement, place, flipped(sealed, bit)), `bit ${bit}`).toBeUndefined();
    }
    for (const end of [0, 32, 79]) {
      expect(openKey(deps, goldenAgreement, place, sealed.subarray(0, end))).toBeUndefined();
    }
  });

  test('hands on the key before', () => {
    const before = createKey(deps);
    const placeBefore = { genesisId: GENESIS_ID, check: keyCheck(blake3, GENESIS_ID, before) };
    const handed = sealPreviousKey(deps, GENESIS_ID, key, before);
    expect(openPreviousKey(deps, placeBefore, key, handed)).toEqual(before);
    expect(openPreviousKey(deps, placeBefore, before, handed)).toBeUndefined();
    expect(openPreviousKey(deps, place, key, handed)).toBeUndefined();
  });
});

describe('a sealed body', () => {
  const spaceKey = { keyId: new Uint8Array(32).fill(8), key };

  test('opens at its place, and nowhere else', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const places = fc.record({
      author: bytes(32),
      logId: bytes(32),
      seq: fc.integer({ min: 1, max: 0xffff_ffff }),
      backlink: bytes(32),
    });
    fc.assert(
      fc.property(places, places, fc.uint8Array({ maxLength: 200 }), (at, elsewhere, plain) => {
        const sealed = readSealedBody(sealBody(deps, spaceKey, at, plain));
        expect(openBody(deps, key, at, sealed)).toEqual(plain);
        for (const field of Object.keys(at)) {
          const moved = { ...at, [field]: elsewhere[field as 'seq'] };
          if (elsewhere[field as 'seq'] === at[field as 'seq']) continue;
          if (field !== 'seq' && Buffer.compare(moved[field as 'logId'], at[field as 'logId']) === 0) continue;
          expect(openBody(deps, key, moved, sealed), field).toBeUndefined();
        }
        expect(openBody(deps, key, { ...at, backlink: undefined }, sealed)).toBeUndefined();
      }),
    );
  });

  test('does not open when it was changed, or under another key', () => {
    const body = sealBody(deps, spaceKey, goldenPlace, Uint8Array.of(1, 2, 3));
    const open = (changed: Uint8Array) => {
      try {
        return openBody(deps, key, goldenPlace, readSealedBody(changed));
      } catch {
        return undefined;
      }
    };
    expect(open(body)).toEqual(Uint8Array.of(1, 2, 3));
    for (let bit = 0; bit < 8 * body.length; bit++) expect(open(flipped(body, bit)), `bit ${bit}`).toBeUndefined();
    for (let end = 0; end < body.length; end++) expect(open(body.subarray(0, end)), `cut ${end}`).toBeUndefined();
    expect(openBody(deps, createKey(deps), goldenPlace, readSealedBody(body))).toBeUndefined();
  });

  test('has a key of its own', () => {
    const [one, two] = [1, 2].map(() => readSealedBody(sealBody(deps, spaceKey, goldenPlace, new Uint8Array(64))));
    expect(one!.salt).not.toEqual(two!.salt);
    expect(one!.sealed).not.toEqual(two!.sealed);
    expect(openBody(deps, key, goldenPlace, { ...one!, salt: two!.salt })).toBeUndefined();
  });

  test('fits an operation, up to its last byte', () => {
    const plain = new Uint8Array(SEALED_BODY_PLAIN_BYTES_MAX);
    expect(sealBody(deps, spaceKey, goldenPlace, plain)).toHaveLength(OPERATION_BODY_BYTES_MAX);
    expect(() => sealBody(deps, spaceKey, goldenPlace, new Uint8Array(plain.length + 1))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
    expect(() => readSealedBody(new Uint8Array(OPERATION_BODY_BYTES_MAX + 1))).toThrow(
      expect.objectContaining({ code: 'OPERATION_INVALID' }),
    );
  });
});
