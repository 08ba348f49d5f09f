/**
 * One leaf, sealed so that it can be opened and checked alone. The nonce is the place of the leaf in its segment: its number
 * as 11 bytes, big endian, then 1 for the last leaf and 0 for every other. A key serves one segment and a leaf is sealed
 * once, so no nonce comes twice; a leaf at another place, or a last leaf that is not the last, does not open.
 *
 * Source: STREAM of Hoang, Reyhanitabar, Rogaway and Vizár (CRYPTO 2015), with the nonces of age (C2SP).
 */
import type { LeafCipher } from './ports.ts';

const NONCE_BYTES = 12;

function leafNonce(leaf: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  new DataView(nonce.buffer).setUint32(NONCE_BYTES - 5, leaf);
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
}

/** Where a leaf stands: its number from 0 and how many there are. */
export interface LeafPlace {
  readonly leaf: number;
  readonly leafCount: number;
}

export const sealLeaf = (cipher: LeafCipher, key: Uint8Array, { leaf, leafCount }: LeafPlace, plain: Uint8Array) =>
  cipher.seal(key, leafNonce(leaf, leaf === leafCount - 1), plain);

/** Undefined when this is not the leaf of that place under that key. */
export const openLeaf = (cipher: LeafCipher, key: Uint8Array, { leaf, leafCount }: LeafPlace, sealed: Uint8Array) =>
  cipher.open(key, leafNonce(leaf, leaf === leafCount - 1), sealed);
