import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { concatBytes, type Random, toUtf8 } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { nodeLeafCipher } from '#sync/segments/adapters/node-leaf-cipher.ts';
import type { OpenKey, SealKey } from '../ports.ts';

/** The fixed DER bytes before an X25519 private key in PKCS#8 and a public key in SubjectPublicKeyInfo (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const LABEL = toUtf8('granary test sealing\0');
const NONCE = new Uint8Array(12);

const privateKey = (seed: Uint8Array) =>
  createPrivateKey({ key: Buffer.from(concatBytes([PKCS8_PREFIX, seed])), format: 'der', type: 'pkcs8' });

const publicBytes = (seed: Uint8Array): Uint8Array =>
  Uint8Array.from(
    createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length),
  );

function agree(seed: Uint8Array, other: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array): Uint8Array {
  const key = Buffer.from(concatBytes([SPKI_PREFIX, other]));
  const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
  const secret = diffieHellman({ privateKey: privateKey(seed), publicKey });
  return blake3(concatBytes([LABEL, secret, ephemeral, recipient]));
}

/** Seals keys for devices in the shape of the product: an ephemeral public key (32), the sealed key (32), a tag (16). */
export const sealingOf = (random: Random): SealKey => ({
  sealKeyTo(recipient, key) {
    const seed = random.bytes(32);
    const ephemeral = publicBytes(seed);
    const wrapping = agree(seed, recipient, ephemeral, recipient);
    return concatBytes([ephemeral, nodeLeafCipher.seal(wrapping, NONCE, key)]);
  },
});

/** A device that bundles can be sealed to. */
export function createTestDevice(seed: Uint8Array): OpenKey & { readonly encryptionKey: Uint8Array } {
  const encryptionKey = publicBytes(seed);
  return {
    encryptionKey,
    openKey(sealed) {
      const ephemeral = sealed.subarray(0, 32);
      try {
        const wrapping = agree(seed, ephemeral, ephemeral, encryptionKey);
        return nodeLeafCipher.open(wrapping, NONCE, sealed.subarray(32));
      } catch {
        // A point of small order has no secret.
        return undefined;
      }
    },
  };
}
