import { toHex } from '#core/kernel/index.ts';
import {
  type AccessState,
  type AgreementKey,
  type BodyPlace,
  type KeyEpoch,
  openBody,
  type OpenBodyDeps,
  openKey,
  openPreviousKey,
  readSealedBody,
  type SealKeyDeps,
} from '#sync/access/index.ts';

/** The keys of a space that this device can open, by key id in hexadecimal digits. */
export type Keyring = ReadonlyMap<string, Uint8Array>;

/**
 * Opens what was sealed to this device, and the keys that those hand on. Each key is opened once: `known` are those of an
 * earlier state of the same space, some of which may be of rotations that a fork has taken away.
 */
export function openKeyring(
  deps: Pick<SealKeyDeps, 'blake3' | 'cipher'>,
  own: AgreementKey,
  device: Uint8Array,
  access: AccessState,
  known: Keyring = new Map(),
): Keyring {
  const { genesisId, keys } = access;
  const epochs = new Map(keys.map((epoch) => [toHex(epoch.keyId), epoch]));
  const opened = new Map([...known].filter(([id]) => epochs.has(id)));
  const waiting: KeyEpoch[] = [];
  for (const epoch of keys) {
    const id = toHex(epoch.keyId);
    if (!opened.has(id)) {
      for (const sealed of epoch.sealedFor(device)) {
        const key = openKey(deps, own, { genesisId, check: epoch.check }, sealed);
        if (!key) continue;
        opened.set(id, key);
        break;
      }
    }
    if (opened.has(id)) waiting.push(epoch);
  }
  for (let epoch = waiting.pop(); epoch; epoch = waiting.pop()) {
    const { previous } = epoch;
    const before = previous && epochs.get(toHex(previous.keyId));
    if (!before || !previous.sealed || opened.has(toHex(before.keyId))) continue;
    const place = { genesisId, check: before.check };
    const key = openPreviousKey(deps, place, opened.get(toHex(epoch.keyId))!, previous.sealed);
    if (!key) continue;
    opened.set(toHex(before.keyId), key);
    waiting.push(before);
  }
  return opened;
}

/** Opens the sealed body of an operation; undefined when it does not open with the key that it names. Errors: `OPERATION_INVALID`. */
export function openWith(
  deps: OpenBodyDeps,
  keyring: Keyring,
  place: BodyPlace,
  bytes: Uint8Array,
): Uint8Array | { readonly locked: string } | undefined {
  const body = readSealedBody(bytes);
  const keyId = toHex(body.keyId);
  const key = keyring.get(keyId);
  return key ? openBody(deps, key, place, body) : { locked: keyId };
}
