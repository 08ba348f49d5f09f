/** Keys that two devices agree on a secret with (X25519, RFC 7748), one a device, derived from its seed. */
import { toHex } from '#core/kernel/index.ts';
import type { DeviceKey } from '#sync/log/index.ts';
import type { AgreementKey, X25519 } from './ports.ts';

const LABEL = 'granary space v1 agreement';

/**
 * The u coordinates (little endian, hexadecimal) of points whose order divides 8, on the curve and on its twist: 0, 1, -1
 * and the two of order 8, and the forms of 0 and 1 that are not reduced. With these, every secret agrees on zero.
 * Source: RFC 7748 §6.1 and the list of "Curve25519" at cr.yp.to/ecdh.html.
 */
const SMALL_ORDER_U: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** True for 32 bytes that are a reduced u coordinate of a point that is not of small order. */
export function isAgreementKey(key: Uint8Array): boolean {
  if (key.length !== 32 || key[31]! > 0x7f) return false;
  // p is 2^255 - 19: its low byte is 0xed and every other bit is set.
  const isReduced = key[31]! < 0x7f || key[0]! < 0xed || key.subarray(1, 31).some((byte) => byte !== 0xff);
  return isReduced && !SMALL_ORDER_U.has(toHex(key));
}

/** The pair of this device; the same in every space and on every start. */
export const agreementKeyOf = (x25519: X25519, key: Pick<DeviceKey, 'deriveSecret'>): AgreementKey =>
  x25519.keyFromSecret(key.deriveSecret(LABEL));
