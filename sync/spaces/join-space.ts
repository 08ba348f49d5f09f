import { type Clock, equalBytes, GranaryError, toHex, type Uuid } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import { type Blake3, type Ed25519, isSigned, orInvalid, type SigningKey, splitOperation } from '#sync/log/index.ts';
import type { OpenSpace } from './open-space.ts';
import { spaceKey } from './space-keys.ts';
import { putSpaceRecord, type SpaceRecord } from './space-record.ts';

/** A space as a member hands it over. */
export interface JoinedSpace {
  readonly space: Uuid;
  /** Id of the operation that founded it, as the ticket says. */
  readonly genesisId: Uint8Array;
  readonly name: string;
  /** Its control operations: each after those before it in its log, and the logs of who was let in first first. */
  readonly operations: readonly Uint8Array[];
}

export interface JoinDeps {
  readonly store: KeyValueStore;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
  readonly open: (record: SpaceRecord) => Promise<OpenSpace>;
}

/**
 * Takes a space in, under a name that none of `names` is. The member who hands it over is not trusted: the founding operation
 * has to be the one of the ticket, and what follows from it has to make this device a member; otherwise nothing of the space
 * stays in the list. Errors: `SYNC_REFUSED`, those of opening the space.
 */
export async function joinSpace(deps: JoinDeps, input: JoinedSpace, names: readonly string[]): Promise<OpenSpace> {
  const { store, clock } = deps;
  const record: SpaceRecord = {
    space: input.space,
    genesisId: toHex(input.genesisId),
    founder: toHex(founderOf(deps, input)),
    name: freeName(input.name, names),
    addedAt: clock.now(),
  };
  await store.write(putSpaceRecord(new Commit(), record), { sync: true });
  try {
    const space = await deps.open(record);
    await space.view.append(input.operations);
    if (space.access.levelNow(deps.key.publicKey) !== null) return space;
    throw refused('what it handed over does not make this device a member');
  } catch (error) {
    await store.write(new Commit().delete(spaceKey(record.space)), { sync: true });
    throw error;
  }
}

function founderOf(deps: JoinDeps, { genesisId, operations }: JoinedSpace): Uint8Array {
  for (const bytes of operations) {
    const operation = orInvalid(() => splitOperation(deps, bytes));
    if (!operation || !equalBytes(operation.id, genesisId)) continue;
    if (isSigned(deps, operation)) return operation.header.publicKey;
  }
  throw refused('the founding of the space is not in what it handed over');
}

/** `NAME`, or `NAME 2` and so on while that is taken. */
function freeName(name: string, names: readonly string[]): string {
  const taken = new Set(names.map((other) => other.toLowerCase()));
  let free = name;
  for (let number = 2; taken.has(free.toLowerCase()); number++) free = `${name} ${number}`;
  return free;
}

const refused = (what: string) =>
  new GranaryError('SYNC_REFUSED', `The device that made the ticket cannot be believed: ${what}. Ask for a new one.`);
