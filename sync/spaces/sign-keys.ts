import { toHex } from '#core/kernel/index.ts';
import {
  type AccessState,
  createKey,
  encodeRekeyRecord,
  encodeShareKeyRecord,
  keyCheck,
  type KeyPlan,
  REKEY_SCHEMA,
  sealKey,
  type SealKeyDeps,
  sealPreviousKey,
  SHARE_KEY_SCHEMA,
} from '#sync/access/index.ts';
import type { Keyring } from './keyring.ts';
import type { ControlRecord } from './open-space.ts';

/** The record that carries out a plan; undefined when this device has not the key that it would hand on. */
export function keyRecord(
  deps: SealKeyDeps,
  { genesisId }: AccessState,
  keyring: Keyring,
  plan: KeyPlan,
): ControlRecord | undefined {
  const sealTo = (key: Uint8Array) =>
    plan.readers.map(({ device, encryptionKey }) => ({ device, sealed: sealKey(deps, genesisId, encryptionKey, key) }));
  if (plan.kind === 'share') {
    const { keyId } = plan.epoch;
    const key = keyring.get(toHex(keyId));
    return key && { schema: SHARE_KEY_SCHEMA, content: encodeShareKeyRecord({ keyId, recipients: sealTo(key) }) };
  }
  const key = createKey(deps);
  const before = plan.previous && keyring.get(toHex(plan.previous.keyId));
  const previous = before && {
    keyId: plan.previous!.keyId,
    sealed: sealPreviousKey(deps, genesisId, key, before),
  };
  const record = { check: keyCheck(deps.blake3, genesisId, key), recipients: sealTo(key), previous };
  return { schema: REKEY_SCHEMA, content: encodeRekeyRecord(record) };
}
