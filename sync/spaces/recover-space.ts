import { equalBytes, GranaryError, type Random, toHex } from '#core/kernel/index.ts';
import {
  type AgreementKey,
  decodeRecoveryKey,
  decodeSpaceRecord,
  encodeRecoverRecord,
  encodeRecoveryKey,
  encodeRecoveryStatement,
  isRecoverySigned,
  RECOVER_SCHEMA,
  type Recovery,
  RECOVERY_KEYS_MAX,
  signRecovery,
} from '#sync/access/index.ts';
import type { Blake3, Ed25519, SigningKey } from '#sync/log/index.ts';
import { toControlOperation } from './control-operation.ts';
import type { OpenSpace } from './open-space.ts';

export interface RecoveryDeps {
  readonly key: SigningKey;
  readonly agreementKey: AgreementKey;
  readonly random: Random;
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
}

const SEED_BYTES = 32;

/** How many of how many keys, together, give a space new managers. */
export interface RecoveryRule {
  readonly threshold: number;
  readonly keyCount: number;
}

/**
 * Makes the recovery keys of a space that is about to be founded: the space gets their public halves, people get the texts,
 * and this node keeps neither. Errors: `INPUT_INVALID`.
 */
export function createRecoveryKeys(
  { random, blake3, ed25519 }: Pick<RecoveryDeps, 'random' | 'blake3' | 'ed25519'>,
  { threshold, keyCount }: RecoveryRule,
): { readonly recovery: Recovery; readonly texts: readonly string[] } {
  if (threshold < 1 || threshold > keyCount || keyCount > RECOVERY_KEYS_MAX) {
    throw new GranaryError(
      'INPUT_INVALID',
      `${threshold} of ${keyCount} recovery keys cannot be; there are at most ${RECOVERY_KEYS_MAX} keys.`,
    );
  }
  const seeds = Array.from({ length: keyCount }, () => random.bytes(SEED_BYTES));
  const keys = seeds
    .map((seed) => ed25519.keyFromSeed(seed).publicKey)
    .toSorted((left, right) => (toHex(left) < toHex(right) ? -1 : 1));
  return { recovery: { threshold, keys }, texts: seeds.map((seed) => encodeRecoveryKey(blake3, seed)) };
}

/**
 * Makes this device the manager of a space again, by the recovery keys that people bring. Earlier managers may write from
 * then on; what was signed beside the recovery counts no more. Errors: `INPUT_INVALID` for a text that is no key, `FORBIDDEN`
 * when the keys are not those of the space, or too few.
 */
export async function recoverSpace(deps: RecoveryDeps, space: OpenSpace, texts: readonly string[]): Promise<void> {
  const { key, agreementKey, blake3, ed25519 } = deps;
  const { genesisId, access, record } = space;
  const own = access.members.get(toHex(key.publicKey));
  if (!own) throw notRecovered(record.name, 'this device was never a member of it');
  const seeds = new Map(texts.map((text) => decodeRecoveryKey(blake3, text)).map((seed) => [toHex(seed), seed]));
  const statement = encodeRecoveryStatement({
    managers: [{ device: key.publicKey, encryptionKey: agreementKey.publicKey, name: own.name }],
    heads: access.heads,
  });
  const signatures = [...seeds.values()].map((seed) => signRecovery(ed25519.keyFromSeed(seed), genesisId, statement));
  const recovery = await recoveryOf(space);
  if (!recovery) throw notRecovered(record.name, 'it was founded without recovery keys');
  if (!isRecoverySigned(ed25519, genesisId, recovery, { statement, signatures })) {
    throw notRecovered(record.name, `it takes ${recovery.threshold} of the keys it was founded with`);
  }
  const content = encodeRecoverRecord({ statement, signatures });
  await space.signControl([{ schema: RECOVER_SCHEMA, content }]);
  await space.healKeys(() => true);
}

/** The recovery keys that the founding of the space names. */
async function recoveryOf({ store, genesisId, record }: OpenSpace): Promise<Recovery | undefined> {
  for await (const operation of store.controlOperations()) {
    if (!equalBytes(operation.id, genesisId)) continue;
    const founding = toControlOperation(record.space, operation);
    return founding && decodeSpaceRecord(founding.content).recovery;
  }
  return undefined;
}

const notRecovered = (name: string, why: string) =>
  new GranaryError('FORBIDDEN', `The space ${JSON.stringify(name)} was not recovered: ${why}.`);
