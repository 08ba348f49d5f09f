import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { ed25519 } from '#sync/log/testing/fixtures.ts';
import { nodeX25519 } from './adapters/node-x25519.ts';
import { decodeIdentity, encodeIdentity, IDENTITY_CHARACTERS_MAX } from './index.ts';

const key = ed25519.keyFromSeed(new Uint8Array(32).fill(5));
const { publicKey: encryptionKey } = nodeX25519.keyFromSecret(new Uint8Array(32).fill(6));
const text = encodeIdentity(key, { encryptionKey, name: 'Laptop of the mill' });
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';

const isRefused = (other: string) => {
  try {
    decodeIdentity(ed25519, other);
    return false;
  } catch (error) {
    return isGranaryError(error, 'INPUT_INVALID');
  }
};

test('is read as people hand it on', () => {
  const identity = { device: key.publicKey, encryptionKey, name: 'Laptop of the mill' };
  expect(decodeIdentity(ed25519, text)).toEqual(identity);
  const typed = text
    .toUpperCase()
    .replace(/(.{30})/g, '$1\n ')
    .replaceAll('0', 'O');
  expect(decodeIdentity(ed25519, typed)).toEqual(identity);
});

test('one wrong letter anywhere is found, and so is a part', () => {
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.nat(30), (at, step) => {
      const found = DIGITS.indexOf(text[at]!);
      const letter = DIGITS[(found + 1 + step) % 32]!;
      if (letter === text[at]) return;
      expect(isRefused(text.slice(0, at) + letter + text.slice(at + 1))).toBe(true);
    }),
    { numRuns: 300 },
  );
  for (let end = 0; end < text.length; end += 7) expect(isRefused(text.slice(0, end))).toBe(true);
});

test('another X25519 key than the one of the device is refused', () => {
  const thief = ed25519.keyFromSeed(new Uint8Array(32).fill(9));
  const forged = encodeIdentity(
    { publicKey: key.publicKey, sign: (message) => thief.sign(message) },
    { encryptionKey, name: 'x' },
  );
  expect(isRefused(forged)).toBe(true);
  expect(() => encodeIdentity(key, { encryptionKey: new Uint8Array(32), name: 'x' })).toThrow(/identity/);
});

test('what no identity is, is refused', () => {
  expect(isRefused('granary1' + text.slice('granaryid1'.length))).toBe(true);
  expect(isRefused('0'.repeat(IDENTITY_CHARACTERS_MAX + 1))).toBe(true);
  fc.assert(fc.property(fc.string({ maxLength: 400 }), (any) => isRefused(`granaryid1${any}`)));
});
