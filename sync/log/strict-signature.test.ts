import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { concatBytes, toHex, toUtf8 } from '#core/kernel/index.ts';
import { isAcceptablePoint, verifyStrict, verifyStrictAside } from './strict-signature.ts';
import { ed25519, upstreamKey as key } from './testing/fixtures.ts';

// The curve in its plainest form (RFC 8032 §5.1), to find the points of small order independently of any list.
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const mod = (value: bigint, modulus = P) => ((value % modulus) + modulus) % modulus;
const power = (base: bigint, exponent: bigint): bigint => {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
};
const inverse = (value: bigint) => power(value, P - 2n);
const D = mod(-121665n * inverse(121666n));
type Point = readonly [x: bigint, y: bigint];
const NEUTRAL: Point = [0n, 1n];
const add = ([x1, y1]: Point, [x2, y2]: Point): Point => {
  const product = mod(D * x1 * x2 * y1 * y2);
  return [mod((x1 * y2 + x2 * y1) * inverse(1n + product)), mod((y1 * y2 + x1 * x2) * inverse(1n - product))];
};
const multiply = (point: Point, factor: bigint): Point => {
  let result = NEUTRAL;
  for (let p = point, f = factor; f > 0n; f >>= 1n, p = add(p, p)) if (f & 1n) result = add(result, p);
  return result;
};
const littleEndian = (value: bigint) =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
const fromLittleEndian = (bytes: Uint8Array) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const encodePoint = ([x, y]: Point) => littleEndian(y | ((x & 1n) << 255n));
const decodePoint = (bytes: Uint8Array): Point | undefined => {
  const raw = fromLittleEndian(bytes);
  const y = raw & (2n ** 255n - 1n);
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * power(2n, (P - 1n) / 4n));
  if (mod(x * x) !== square) return undefined;
  return [(x & 1n) === raw >> 255n ? x : mod(-x), y];
};

/** The eight points of the torsion subgroup: multiples of L times any point that is not in the prime-order group. */
const torsion = (() => {
  for (let y = 2n; ; y++) {
    const point = decodePoint(littleEndian(y));
    const generator = point && multiply(point, L);
    if (!generator || multiply(generator, 4n)[1] === 1n) continue;
    return Array.from({ length: 8 }, (_, i) => multiply(generator, BigInt(i)));
  }
})();

const message = toUtf8('a message');
const signature = key.sign(message);
const verify = (publicKey: Uint8Array, signed: Uint8Array) => verifyStrict(ed25519, publicKey, message, signed);

test('a good signature holds, and none of its bits can change', () => {
  expect(verify(key.publicKey, signature)).toBe(true);
  for (let bit = 0; bit < 512; bit++) {
    const flipped = signature.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(verify(key.publicKey, flipped), `bit ${bit}`).toBe(false);
  }
});

describe('points', () => {
  test('all eight of small order are refused', () => {
    const encodings = new Set(torsion.map((point) => toHex(encodePoint(point))));
    expect(encodings.size).toBe(8);
    for (const point of torsion) expect(isAcceptablePoint(encodePoint(point))).toBe(false);
  });

  test('y of p or more is refused with either sign', () => {
    for (let y = P; y < 2n ** 255n; y++) {
      expect(isAcceptablePoint(littleEndian(y))).toBe(false);
      expect(isAcceptablePoint(littleEndian(y | (1n << 255n)))).toBe(false);
    }
    expect(isAcceptablePoint(littleEndian(P - 2n))).toBe(true);
  });

  test('a negative zero is refused', () => {
    for (const y of [1n, P - 1n]) expect(isAcceptablePoint(littleEndian(y | (1n << 255n)))).toBe(false);
  });

  test('public keys of any seed are accepted', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        expect(isAcceptablePoint(ed25519.keyFromSeed(seed).publicKey)).toBe(true);
      }),
      { seed: 6, numRuns: 200 },
    );
  });
});

test('under a key of small order no signature holds, though R = S·B would fit the neutral one', () => {
  const forged = concatBytes([encodePoint(NEUTRAL), new Uint8Array(32)]);
  for (const point of torsion) expect(verify(encodePoint(point), forged)).toBe(false);
});

/** Signs with a chosen nonce, as only the owner of the key can: R = r·B, S = r + k·a. */
function signWithNonce(seed: Uint8Array, r: bigint, encodedR: Uint8Array): Uint8Array {
  const digest = createHash('sha512').update(seed).digest();
  digest[0]! &= 248;
  digest[31] = (digest[31]! & 63) | 64;
  const secret = fromLittleEndian(digest.subarray(0, 32));
  const { publicKey } = ed25519.keyFromSeed(seed);
  const k = fromLittleEndian(createHash('sha512').update(encodedR).update(publicKey).update(message).digest()) % L;
  return concatBytes([encodedR, littleEndian((r + k * secret) % L)]);
}

test('a signature with R of small order does not hold, even where the equation does', () => {
  const seed = new Uint8Array(32).fill(3);
  const { publicKey } = ed25519.keyFromSeed(seed);
  const base = decodePoint(littleEndian(mod(4n * inverse(5n))))!;
  const honest = signWithNonce(seed, 5n, encodePoint(multiply(base, 5n)));
  expect(verify(publicKey, honest)).toBe(true);

  const careless = { ...ed25519, verify: () => true };
  expect(verifyStrict(careless, publicKey, message, honest)).toBe(true);
  for (const point of torsion) {
    const small = signWithNonce(seed, 0n, encodePoint(point));
    expect(verify(publicKey, small)).toBe(false);
    expect(verifyStrict(careless, publicKey, message, small)).toBe(false);
    expect(verifyStrict(careless, encodePoint(point), message, honest)).toBe(false);
  }
});

test('S of the group order or more does not hold', () => {
  const s = fromLittleEndian(signature.subarray(32));
  expect(verify(key.publicKey, concatBytes([signature.subarray(0, 32), littleEndian(s + L)]))).toBe(false);
});

test('malformed keys and signatures do not hold', () => {
  expect(ed25519.verify(key.publicKey.subarray(1), message, signature)).toBe(false);
  expect(ed25519.verify(key.publicKey, message, signature.subarray(1))).toBe(false);
  expect(verify(littleEndian(2n), signature)).toBe(false);
});

test('on another thread the answer is the same', async () => {
  const verifyAside = (publicKey: Uint8Array, signed: Uint8Array) =>
    verifyStrictAside(ed25519, publicKey, message, signed);
  expect(await verifyAside(key.publicKey, signature)).toBe(true);
  const flipped = signature.slice();
  flipped[40]! ^= 1;
  const s = fromLittleEndian(signature.subarray(32));
  const wrong: (readonly [publicKey: Uint8Array, signature: Uint8Array])[] = [
    [key.publicKey, flipped],
    [key.publicKey, concatBytes([signature.subarray(0, 32), littleEndian(s + L)])],
    [key.publicKey, signature.subarray(1)],
    [key.publicKey.subarray(1), signature],
    [littleEndian(2n), signature],
    ...torsion.map((point) => [encodePoint(point), signature] as const),
  ];
  for (const [publicKey, signed] of wrong) expect(await verifyAside(publicKey, signed)).toBe(false);
  const careless = { ...ed25519, verifyAside: async () => true };
  for (const point of torsion) {
    const small = concatBytes([encodePoint(point), signature.subarray(32)]);
    expect(await verifyStrictAside(careless, key.publicKey, message, small)).toBe(false);
  }
});
