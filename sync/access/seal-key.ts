/**
 * How a key of a space is sealed: to one device, and under the key that follows it. No operation id is known yet when a
 * key is sealed, so the seals are bound to the space and to the check of the key.
 */
import { concatBytes, equalBytes, type Random, toUtf8 } from '#core/kernel/index.ts';
import { type Blake3, operationInvalid } from '#sync/log/index.ts';
import type { AgreementKey, OneTimeCipher, X25519 } from './ports.ts';

const KEY_BYTES = 32;
const AGREEMENT_BYTES = 32;
const TAG_BYTES = 16;

/** A key sealed to a device: a fresh X25519 key, the ciphertext, the tag. */
export const SEALED_KEY_BYTES = AGREEMENT_BYTES + KEY_BYTES + TAG_BYTES;
/** A key sealed under the one that follows it: the ciphertext, the tag. */
export const PREVIOUS_KEY_BYTES = KEY_BYTES + TAG_BYTES;

const CHECK_DOMAIN = toUtf8('granary space v1 key check\0');
const DEVICE_DOMAIN = toUtf8('granary space v1 key to device\0');
const PREVIOUS_DOMAIN = toUtf8('granary space v1 previous key\0');

export interface SealKeyDeps {
  readonly blake3: Blake3;
  readonly x25519: X25519;
  readonly cipher: OneTimeCipher;
  readonly random: Random;
}

type OpenKeyDeps = Pick<SealKeyDeps, 'blake3' | 'cipher'>;

/** What a sealed key belongs to: the space, and the check that the rotation states. */
export interface KeyPlace {
  readonly genesisId: Uint8Array;
  readonly check: Uint8Array;
}

/** A fresh key of a space. */
export const createKey = ({ random }: Pick<SealKeyDeps, 'random'>): Uint8Array => random.bytes(KEY_BYTES);

/** Commits to a key of a space: everybody who opens a seal sees that it is the key all others have. 32 bytes. */
export const keyCheck = (blake3: Blake3, genesisId: Uint8Array, key: Uint8Array): Uint8Array =>
  blake3(concatBytes([CHECK_DOMAIN, genesisId, key]));

const additionalData = ({ genesisId, check }: KeyPlace): Uint8Array => concatBytes([genesisId, check]);

/**
 * Seals a key to the device with this X25519 key. {@link SEALED_KEY_BYTES} bytes, others each time.
 * Errors: `OPERATION_INVALID` for an X25519 key of small order.
 */
export function sealKey(deps: SealKeyDeps, genesisId: Uint8Array, to: Uint8Array, key: Uint8Array): Uint8Array {
  const fresh = deps.x25519.keyFromSecret(deps.random.bytes(AGREEMENT_BYTES));
  const secret = fresh.agree(to);
  if (!secret) throw operationInvalid('an X25519 key is of small order');
  const wrap = deps.blake3(concatBytes([DEVICE_DOMAIN, secret, fresh.publicKey, to]));
  const check = keyCheck(deps.blake3, genesisId, key);
  return concatBytes([fresh.publicKey, deps.cipher.seal(wrap, key, additionalData({ genesisId, check }))]);
}

/** Opens what `sealKey` made for this device; undefined when it does not open or is not the key of the check. */
export function openKey(
  deps: OpenKeyDeps,
  own: AgreementKey,
  place: KeyPlace,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const fresh = sealed.subarray(0, AGREEMENT_BYTES);
  const secret = sealed.length === SEALED_KEY_BYTES ? own.agree(fresh) : undefined;
  if (!secret) return undefined;
  const wrap = deps.blake3(concatBytes([DEVICE_DOMAIN, secret, fresh, own.publicKey]));
  return checked(deps, place, deps.cipher.open(wrap, sealed.subarray(AGREEMENT_BYTES), additionalData(place)));
}

/** Seals the previous key for everybody who has `key`, which does so once. {@link PREVIOUS_KEY_BYTES} bytes. */
export function sealPreviousKey(
  deps: OpenKeyDeps,
  genesisId: Uint8Array,
  key: Uint8Array,
  previous: Uint8Array,
): Uint8Array {
  const check = keyCheck(deps.blake3, genesisId, previous);
  return deps.cipher.seal(
    deps.blake3(concatBytes([PREVIOUS_DOMAIN, key])),
    previous,
    additionalData({ genesisId, check }),
  );
}

/** Opens what `sealPreviousKey` made; `place` is that of the previous key. Undefined when it is not the key of the check. */
export function openPreviousKey(
  deps: OpenKeyDeps,
  place: KeyPlace,
  key: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const wrap = deps.blake3(concatBytes([PREVIOUS_DOMAIN, key]));
  return checked(deps, place, deps.cipher.open(wrap, sealed, additionalData(place)));
}

function checked({ blake3 }: OpenKeyDeps, { genesisId, check }: KeyPlace, key: Uint8Array | undefined) {
  return key?.length === KEY_BYTES && equalBytes(keyCheck(blake3, genesisId, key), check) ? key : undefined;
}
