import { toHex, type Uuid, uuidv7 } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { encodeSpaceRecord, type Recovery, SPACE_SCHEMA } from '#sync/access/index.ts';
import { openSpaceLogs } from '#sync/log/index.ts';
import type { SpaceDeps } from './open-space.ts';
import { putSpaceRecord, type SpaceRecord } from './space-record.ts';

export interface NewSpace {
  readonly name: string;
  readonly deviceName: string;
  /** Keys that can give the space new managers, when those it has are lost or removed each other. */
  readonly recovery?: Recovery | undefined;
}

/** Bytes of randomness in the founding record: the id of the space cannot be guessed from what it is about. */
const FOUNDING_RANDOM_BYTES = 32;

/**
 * Signs the founding of a space, of which this device is then the only member. A crash before the record is stored leaves
 * two logs that nothing refers to.
 */
export async function foundSpace(deps: SpaceDeps, { name, deviceName, recovery }: NewSpace): Promise<SpaceRecord> {
  const space = uuidv7<Uuid>(deps);
  const logs = await openSpaceLogs(deps, space, deps.incarnation);
  const content = encodeSpaceRecord({
    name,
    deviceName,
    encryptionKey: deps.agreementKey.publicKey,
    random: deps.random.bytes(FOUNDING_RANDOM_BYTES),
    recovery,
  });
  const founding = {
    schema: SPACE_SCHEMA,
    subject: space,
    clock: { wall: deps.clock.now(), counter: 0 },
    dependencies: [],
    content: { kind: 'record', bytes: content },
  } as const;
  const { operationIds } = await logs.append('control', [founding]);
  const record = {
    space,
    genesisId: operationIds[0]!,
    founder: toHex(deps.key.publicKey),
    name,
    addedAt: deps.clock.now(),
  };
  await deps.store.write(putSpaceRecord(new Commit(), record), { sync: true });
  return record;
}
