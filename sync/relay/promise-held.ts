/** What a relay has promised to members, so that none of them takes more of its bytes than the others have. */
import { canonicalJson, type Clock, createMutex, fromHex, readRecord, type Uuid } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import type { SealedName } from '#sync/segments/index.ts';
import { isCarried, type OpenSpace, type Spaces, spacesAnnouncing } from '#sync/spaces/index.ts';
import { type HeldSegment, readHeldOf } from './held-segments.ts';

const PROMISED = 'relay-promised/';
const promisedPrefix = (space: Uuid, device: string): string => `${PROMISED}${space}/${device}/`;

interface Promised {
  readonly fileBytes: number;
  /** Milliseconds since the UNIX epoch. */
  readonly until: number;
}

export interface PromiseDeps {
  readonly store: KeyValueStore;
  readonly spaces: Pick<Spaces, 'opened'>;
  readonly clock: Clock;
  /** Bytes of sealed files for each space. */
  readonly bytesMax: number;
}

/**
 * Says whether a segment may be promised to a device until a moment, and takes note of it before it says so: one that is held
 * whole, was announced in a space of the device, and fits into its share. Each other member of the space has an equal share of
 * the bytes, so that promises, which nothing drives out, leave room for what everybody announces.
 */
export type PromiseHeld = (device: string, name: SealedName, until: number) => Promise<boolean>;

export function createPromiseHeld({ store, spaces, clock, bytesMax }: PromiseDeps): PromiseHeld {
  // Two questions of one device must not both find the same room.
  const inOrder = createMutex();

  async function promiseIn(space: Uuid, device: string, held: HeldSegment, until: number, share: number) {
    const prefix = promisedPrefix(space, device);
    const commit = new Commit();
    let [bytes, latest] = [held.fileBytes, until];
    for await (const [key, value] of store.entries(prefixRange(prefix))) {
      const promised = readRecord<Promised>(key, value);
      if (key === prefix + held.name) latest = Math.max(latest, promised.until);
      else if (promised.until <= clock.now()) commit.delete(key);
      else bytes += promised.fileBytes;
    }
    if (bytes > share) return false;
    const promised: Promised = { fileBytes: held.fileBytes, until: latest };
    await store.write(commit.put(prefix + held.name, canonicalJson(promised)), { sync: true });
    return true;
  }

  return (device, name, until) =>
    inOrder(async () => {
      const held = await readHeldOf(store, name);
      if (!held?.isWhole) return false;
      const opened = await spaces.opened();
      for (const id of await spacesAnnouncing(store, name)) {
        const space = opened.get(id);
        if (!space || !isCarried(space) || space.access.levelNow(fromHex(device)) === null) continue;
        if (await promiseIn(id, device, held, until, bytesMax / otherMembers(space))) return true;
      }
      return false;
    });
}

const otherMembers = ({ access, self }: OpenSpace): number =>
  [...access.members].filter(([device, { level }]) => level !== null && device !== self).length;
