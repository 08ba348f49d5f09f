/**
 * Ed25519 verification that leaves no room for keys or signatures which some libraries accept and others refuse: as
 * strict as ed25519-dalek's `verify_strict`. Under a key of small order one signature fits any message, and old OpenSSL
 * takes such keys, so they are refused here whatever the library does.
 */
import { toHex } from '#core/kernel/index.ts';
import type { Ed25519 } from './ports.ts';

/**
 * The y coordinates (little endian, hexadecimal) of the eight points whose order divides 8: y = 0, 1 and -1, and the two
 * of order 8. Each stands for both signs of x; for y = 1 and -1 this covers the forms with a negative zero too.
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

const SMALL_ORDER_LOW_BYTES: ReadonlySet<number> = new Set(
  Array.from(SMALL_ORDER_Y, (digits) => Number.parseInt(digits.slice(0, 2), 16)),
);

/** The low byte of p = 2^255 - 19; in every other place p has all bits set. */
const P_LOW_BYTE = 0xed;

/** True unless the 32 bytes encode a point of small order, or a y coordinate of p or more. */
export function isAcceptablePoint(encoded: Uint8Array): boolean {
  const low = encoded[0]!;
  if (low < P_LOW_BYTE && !SMALL_ORDER_LOW_BYTES.has(low)) return true;
  const y = encoded.slice();
  y[31]! &= 0x7f;
  const isNotReduced = y[31] === 0x7f && low >= P_LOW_BYTE && y.subarray(1, 31).every((byte) => byte === 0xff);
  return !isNotReduced && !SMALL_ORDER_Y.has(toHex(y));
}

const areAcceptable = (publicKey: Uint8Array, signature: Uint8Array): boolean =>
  isAcceptablePoint(publicKey) && isAcceptablePoint(signature.subarray(0, 32));

/** True when `signature` (R, then S) of `message` holds under `publicKey`, and both points are acceptable. */
export const verifyStrict = (
  ed25519: Ed25519,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean => areAcceptable(publicKey, signature) && ed25519.verify(publicKey, message, signature);

/** The same on another thread. */
export const verifyStrictAside = async (
  ed25519: Ed25519,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> => areAcceptable(publicKey, signature) && ed25519.verifyAside(publicKey, message, signature);
