import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { concatBytes, equalBytes } from '#core/kernel/index.ts';
import type { Ed25519 } from '../ports.ts';

/** The fixed DER bytes before the seed of an Ed25519 private key in PKCS#8 (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
/** The fixed DER bytes before an Ed25519 public key in SubjectPublicKeyInfo (RFC 8410 §4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

const verifyOnPool = promisify(verify);

const hasLengths = (publicKey: Uint8Array, signature: Uint8Array): boolean =>
  publicKey.length === 32 && signature.length === 64;

/** Ed25519 by Node's own OpenSSL. */
export function createNodeEd25519(): Ed25519 {
  // Making a key object costs as much as a verification, and entries of one log come in a row.
  let last: { readonly publicKey: Uint8Array; readonly object: KeyObject } | undefined;

  const publicKeyObject = (publicKey: Uint8Array): KeyObject => {
    if (last && equalBytes(last.publicKey, publicKey)) return last.object;
    const key = Buffer.from(concatBytes([SPKI_PREFIX, publicKey]));
    last = { publicKey: publicKey.slice(), object: createPublicKey({ key, format: 'der', type: 'spki' }) };
    return last.object;
  };

  return {
    keyFromSeed(seed) {
      const key = Buffer.from(concatBytes([PKCS8_PREFIX, seed]));
      const secret = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
      const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' });
      return {
        publicKey: Uint8Array.from(spki.subarray(SPKI_PREFIX.length)),
        sign: (message) => Uint8Array.from(sign(null, message, secret)),
      };
    },
    verify: (publicKey, message, signature) =>
      hasLengths(publicKey, signature) && verify(null, message, publicKeyObject(publicKey), signature),
    // With a callback, OpenSSL works on a thread of libuv's pool, where its bytes were copied to.
    verifyAside: async (publicKey, message, signature) =>
      hasLengths(publicKey, signature) && verifyOnPool(null, message, publicKeyObject(publicKey), signature),
  };
}
