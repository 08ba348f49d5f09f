import { createCipheriv, createDecipheriv } from 'node:crypto';
import { LEAF_TAG_BYTES } from '../sealed-layout.ts';
import type { LeafCipher } from '../ports.ts';

const ALGORITHM = 'chacha20-poly1305';
const TAG = { authTagLength: LEAF_TAG_BYTES };

/** ChaCha20-Poly1305 by Node's own OpenSSL. */
export const nodeLeafCipher: LeafCipher = {
  seal(key, nonce, plain) {
    const cipher = createCipheriv(ALGORITHM, key, nonce, TAG);
    const sealed = new Uint8Array(plain.length + LEAF_TAG_BYTES);
    sealed.set(cipher.update(plain));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plain.length);
    return sealed;
  },
  open(key, nonce, sealed) {
    if (sealed.length < LEAF_TAG_BYTES) return undefined;
    const decipher = createDecipheriv(ALGORITHM, key, nonce, TAG);
    decipher.setAuthTag(sealed.subarray(sealed.length - LEAF_TAG_BYTES));
    const plain = decipher.update(sealed.subarray(0, sealed.length - LEAF_TAG_BYTES));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plain;
  },
};
