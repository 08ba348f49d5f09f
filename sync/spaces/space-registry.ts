import { createMutex, GranaryError, type Logger, type Uuid } from '#core/kernel/index.ts';
import type { Recovery } from '#sync/access/index.ts';
import { type Incarnation, openIncarnation } from '#sync/log/index.ts';
import { foundSpace } from './found-space.ts';
import { type JoinedSpace, joinSpace } from './join-space.ts';
import { type OpenSpace, openSpace, type SpaceDeps } from './open-space.ts';
import { readSpaceRecords, type SpaceRecord } from './space-record.ts';

export interface RegistryDeps extends Omit<SpaceDeps, 'incarnation'> {
  /** What other members see this device called. */
  readonly deviceName: string;
  readonly logger: Logger;
}

/** A space that others are not to suffer from. */
export interface FaultySpace {
  readonly record: SpaceRecord;
  readonly fault: GranaryError;
}

/** The spaces of this node, opened by the first use. */
export interface SpaceRegistry {
  /** Those that are open; empty before the first use. */
  readonly now: ReadonlyMap<Uuid, OpenSpace>;
  opened(): Promise<ReadonlyMap<Uuid, OpenSpace>>;
  /** Those of which it cannot be found out who may do what; nothing is done in them, until a start finds them well. */
  readonly faulty: ReadonlyMap<Uuid, FaultySpace>;
  /** A space by its name or UUID. Errors: `SPACE_NOT_FOUND`, what is wrong with the space. */
  find(space: string): Promise<OpenSpace>;
  /** Errors: `SPACE_EXISTS`. */
  create(name: string, recovery?: Recovery): Promise<OpenSpace>;
  /** Takes a space in whose control operations a member has handed over. Errors: see `joinSpace`. */
  join(input: JoinedSpace): Promise<OpenSpace>;
}

/** `onChange` is called when what is allowed in a space may have changed. */
export function createSpaceRegistry(deps: RegistryDeps, onChange: () => void): SpaceRegistry {
  const { store } = deps;
  const oneAtATime = createMutex();
  const all = new Map<Uuid, OpenSpace>();
  let now: ReadonlyMap<Uuid, OpenSpace> = new Map();
  let incarnation: Promise<Incarnation> | undefined;
  let opening: Promise<Map<Uuid, OpenSpace>> | undefined;

  const withIncarnation = async (): Promise<SpaceDeps> => ({
    ...deps,
    incarnation: await (incarnation ??= openIncarnation(deps)),
  });
  const faulty = new Map<Uuid, FaultySpace>();

  const open = async (record: SpaceRecord): Promise<OpenSpace> =>
    openSpace(await withIncarnation(), record, {
      onControlChange: onChange,
      onFault(fault) {
        deps.logger.warn('A space cannot be used.', { space: record.space, name: record.name, cause: fault.message });
        faulty.set(record.space, { record, fault });
        all.delete(record.space);
        onChange();
      },
    });

  function opened(): Promise<Map<Uuid, OpenSpace>> {
    opening ??= openAll().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function openAll(): Promise<Map<Uuid, OpenSpace>> {
    all.clear();
    for (const record of await readSpaceRecords(store)) {
      try {
        all.set(record.space, await open(record));
      } catch (error) {
        if (!faulty.has(record.space)) throw error;
      }
    }
    now = all;
    return all;
  }

  async function find(name: string): Promise<OpenSpace> {
    await opened();
    const known = [...all.values(), ...faulty.values()];
    const found =
      known.find(({ record }) => record.space === name) ??
      known.find(({ record }) => record.name === name) ??
      known.find(({ record }) => record.name.toLowerCase() === name.toLowerCase());
    if (found && 'fault' in found) throw found.fault;
    if (found) return found;
    const names = known.map(({ record }) => JSON.stringify(record.name)).join(', ') || 'none';
    throw new GranaryError('SPACE_NOT_FOUND', `There is no space ${JSON.stringify(name)}. The spaces are: ${names}.`, {
      space: name,
    });
  }

  async function create(name: string, recovery: Recovery | undefined): Promise<OpenSpace> {
    await opened();
    if ([...all.values(), ...faulty.values()].some(({ record }) => record.name.toLowerCase() === name.toLowerCase()))
      throw isTaken(name);
    const record = await foundSpace(await withIncarnation(), { name, deviceName: deps.deviceName, recovery });
    const space = await open(record);
    all.set(record.space, space);
    await space.healKeys((plan) => plan !== undefined);
    return space;
  }

  async function join(input: JoinedSpace): Promise<OpenSpace> {
    await opened();
    const broken = faulty.get(input.space);
    if (broken) throw broken.fault;
    const known = all.get(input.space);
    if (known) {
      // It may have been stopped before all that was handed over was stored.
      await known.view.append(input.operations);
      return known;
    }
    const names = [...all.values(), ...faulty.values()].map(({ record }) => record.name);
    try {
      const space = await joinSpace({ ...(await withIncarnation()), open }, input, names);
      all.set(input.space, space);
      return space;
    } catch (error) {
      faulty.delete(input.space);
      throw error;
    }
  }

  return {
    get now() {
      return now;
    },
    opened,
    faulty,
    find,
    create: (name, recovery) => oneAtATime(() => create(name, recovery)),
    join: (input) => oneAtATime(() => join(input)),
  };
}

const isTaken = (name: string) =>
  new GranaryError('SPACE_EXISTS', `There is a space ${JSON.stringify(name)} already. Choose another name.`, { name });
