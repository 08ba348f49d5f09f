import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import type { OneTimeCipher } from '../ports.ts';

const ALGORITHM = 'chacha20-poly1305';
const TAG_BYTES = 16;
const NONCE = new Uint8Array(12);

/** ChaCha20-Poly1305 by Node's own OpenSSL, which is told at once that the key is one: to find it out takes longest. */
export const nodeOneTimeCipher: OneTimeCipher = {
  seal(key, plain, additional) {
    const cipher = createCipheriv(ALGORITHM, createSecretKey(key), NONCE, { authTagLength: TAG_BYTES });
    cipher.setAAD(additional, { plaintextLength: plain.length });
    const sealed = new Uint8Array(plain.length + TAG_BYTES);
    sealed.set(cipher.update(plain));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plain.length);
    return sealed;
  },
  open(key, sealed, additional) {
    if (sealed.length < TAG_BYTES) return undefined;
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, createSecretKey(key), NONCE, { authTagLength: TAG_BYTES });
    decipher.setAAD(additional, { plaintextLength: end });
    decipher.setAuthTag(sealed.subarray(end));
    const plain = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    // Not a Buffer, whose `slice` does not copy.
    return new Uint8Array(plain.buffer as ArrayBuffer, plain.byteOffset, plain.length);
  },
};
