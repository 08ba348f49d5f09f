/**
 * How the key of a sealed bundle is sealed to a device: as keys of spaces are, under a domain of its own, and bound to no
 * space, as a device that is to join by the bundle does not know the space before it has opened it.
 */
import { concatBytes, toUtf8, type Random } from '#core/kernel/index.ts';
import { type AgreementKey, isAgreementKey, type OneTimeCipher, type X25519 } from '#sync/access/index.ts';
import { type Blake3, operationInvalid } from '#sync/log/index.ts';
import type { OpenKey, SealKey } from './ports.ts';

const DEVICE_DOMAIN = toUtf8('granary bundle v1 key to device\0');
const NO_DATA = new Uint8Array();
const AGREEMENT_BYTES = 32;

interface SealDeps {
  readonly blake3: Blake3;
  readonly cipher: OneTimeCipher;
}

/** Errors of sealing: `OPERATION_INVALID` for an X25519 key of small order. */
export const sealToDevice = (deps: SealDeps & { readonly x25519: X25519; readonly random: Random }): SealKey => ({
  sealKeyTo(to, key) {
    const fresh = deps.x25519.keyFromSecret(deps.random.bytes(AGREEMENT_BYTES));
    const secret = isAgreementKey(to) ? fresh.agree(to) : undefined;
    if (!secret) throw operationInvalid('an X25519 key is of small order');
    return concatBytes([fresh.publicKey, deps.cipher.seal(wrapKey(deps, secret, fresh.publicKey, to), key, NO_DATA)]);
  },
});

export const openOnDevice = (deps: SealDeps, own: AgreementKey): OpenKey => ({
  openKey(sealed) {
    const fresh = sealed.subarray(0, AGREEMENT_BYTES);
    const secret = own.agree(fresh);
    return (
      secret && deps.cipher.open(wrapKey(deps, secret, fresh, own.publicKey), sealed.subarray(AGREEMENT_BYTES), NO_DATA)
    );
  },
});

const wrapKey = ({ blake3 }: SealDeps, secret: Uint8Array, fresh: Uint8Array, to: Uint8Array): Uint8Array =>
  blake3(concatBytes([DEVICE_DOMAIN, secret, fresh, to]));
