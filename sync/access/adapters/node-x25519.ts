import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { concatBytes } from '#core/kernel/index.ts';
import type { X25519 } from '../ports.ts';

/** The fixed DER bytes before an X25519 private key in PKCS#8 (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
/** The fixed DER bytes before an X25519 public key in SubjectPublicKeyInfo (RFC 8410 §4). */
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** X25519 by Node's own OpenSSL. */
export const nodeX25519: X25519 = {
  keyFromSecret(secret) {
    const key = Buffer.from(concatBytes([PKCS8_PREFIX, secret]));
    const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    return {
      publicKey: Uint8Array.from(spki.subarray(SPKI_PREFIX.length)),
      agree(theirs) {
        if (theirs.length !== 32) return undefined;
        const spki = Buffer.from(concatBytes([SPKI_PREFIX, theirs]));
        const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
        try {
          const secret = Uint8Array.from(diffieHellman({ privateKey, publicKey }));
          return secret.some((byte) => byte !== 0) ? secret : undefined;
        } catch {
          // OpenSSL refuses keys with which the secret is zero.
          return undefined;
        }
      },
    };
  },
};
