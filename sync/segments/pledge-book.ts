/**
 * What this device has pledged and was pledged, durably.
 *
 * | key                             | value                                                                   |
 * | ------------------------------- | ----------------------------------------------------------------------- |
 * | `pledge-given/<name>`           | the latest moment to which it is pledged (u64, ms), while it lies here  |
 * | `pledge-taken/<name>/<holder>`  | the last pledge of that device to this one, see `encodePledge`          |
 *
 * A given pledge stays after it expired: a clock that is set back makes it count again, as `pledges.ts` needs it.
 */
import { type Clock, createMutex, equalBytes, toHex } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { decodePledge, encodePledge, type EvictionVerdict, judgeEviction, type Pledge } from './pledges.ts';
import type { SealedName } from './sealed-segment.ts';

const GIVEN = 'pledge-given/';
const TAKEN = 'pledge-taken/';

export interface EvictionRules {
  /** Milliseconds since the epoch: others must hold the segment until then. */
  readonly until: number;
  /** How many others, see `pledgesNeeded`. */
  readonly needed: number;
  /** False for devices whose word does not count, such as those whose access was taken. */
  readonly counts: (holder: Uint8Array) => boolean;
}

/** Errors of all calls: `DISK_FULL`, `IO_FAILED`. */
export interface PledgeBook {
  readonly self: Uint8Array;
  /** True while this device has pledged the segment and may not evict it. */
  isBound(name: SealedName): Promise<boolean>;
  /**
   * Pledges a segment, unless `prove` finds that it is not there (`unavailable`) or this device is about to evict it itself
   * (`leaving`). When it resolves with the proof, the pledge is on the disk and may be sent.
   */
  give(
    name: SealedName,
    asker: Uint8Array,
    until: number,
    prove: () => Promise<Uint8Array | undefined>,
  ): Promise<Uint8Array | 'unavailable' | 'leaving'>;
  /** Keeps a pledge of another device, whose signature and proof were checked. */
  take(pledge: Pledge): Promise<void>;
  taken(name: SealedName): Promise<Pledge[]>;
  /** While `work` asks others to hold these segments, only devices with a smaller key are pledged them: one of two goes on. */
  leaving<T>(names: readonly SealedName[], work: () => Promise<T>): Promise<T>;
  /**
   * Calls `remove` when the segment may go, and otherwise says why not; `names` are all under which it may have been pledged, and
   * a pledge under any of them counts. No pledge is given meanwhile. When `remove` resolves
   * with true, nothing that proves possession is on the disk any more, neither the sealed nor the opened segment; with false,
   * all of it still is. It must not call the book.
   */
  evict(names: readonly SealedName[], rules: EvictionRules, remove: () => Promise<boolean>): Promise<EvictionVerdict>;
  /**
   * Calls `remove` unless this device has pledged the segment, and says whether it did. For devices that others do not count
   * on: whoever evicts what may be the last copy calls {@link evict}. The rules of `remove` are the same.
   */
  letGo(name: SealedName, remove: () => Promise<void>): Promise<boolean>;
}

export function createPledgeBook(deps: {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  /** The public key of this device. */
  readonly self: Uint8Array;
}): PledgeBook {
  const { store, clock, self } = deps;
  // Giving and evicting must not overlap: what is about to be removed would be pledged.
  const inOrder = createMutex();
  const leavingNow = new Map<SealedName, number>();

  async function given(name: SealedName): Promise<number | undefined> {
    const bytes = await store.get(GIVEN + name);
    return bytes && Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
  }

  async function taken(name: SealedName): Promise<Pledge[]> {
    const pledges: Pledge[] = [];
    for await (const [, bytes] of store.entries(prefixRange(`${TAKEN}${name}/`))) {
      const pledge = decodePledge(bytes);
      if (pledge && equalBytes(pledge.asker, self)) pledges.push(pledge);
    }
    return pledges;
  }

  function count(names: readonly SealedName[], change: number): void {
    for (const name of names) {
      const next = (leavingNow.get(name) ?? 0) + change;
      if (next > 0) leavingNow.set(name, next);
      else leavingNow.delete(name);
    }
  }

  return {
    self,
    taken,
    isBound: async (name) => ((await given(name)) ?? 0) > clock.now(),
    give: (name, asker, until, prove) =>
      inOrder(async () => {
        if (leavingNow.has(name) && toHex(self) < toHex(asker)) return 'leaving';
        const proof = await prove();
        if (!proof) return 'unavailable';
        const before = await given(name);
        if (before === undefined || before < until) {
          const value = new Uint8Array(8);
          new DataView(value.buffer).setBigUint64(0, BigInt(until));
          await store.write(new Commit().put(GIVEN + name, value), { sync: true });
        }
        return proof;
      }),
    take: (pledge) =>
      store.write(new Commit().put(`${TAKEN}${pledge.name}/${toHex(pledge.holder)}`, encodePledge(pledge)), {
        sync: false,
      }),
    async leaving(names, work) {
      // Behind what is being given, so that `isBound` knows of it.
      await inOrder(async () => count(names, 1));
      try {
        return await work();
      } finally {
        count(names, -1);
      }
    },
    evict: (names, rules, remove) =>
      inOrder(async () => {
        const pledges: Pledge[] = [];
        let latest: number | undefined;
        const commit = new Commit();
        for (const name of names) {
          pledges.push(...(await taken(name)));
          const until = await given(name);
          if (until !== undefined) latest = Math.max(latest ?? 0, until);
          commit.delete(GIVEN + name);
        }
        const verdict = judgeEviction({ ...rules, self, pledges, given: latest, now: clock.now() });
        if (verdict.kind !== 'free') return verdict;
        if (await remove()) await store.write(commit, { sync: false });
        return verdict;
      }),
    letGo: (name, remove) =>
      inOrder(async () => {
        const until = await given(name);
        if (until !== undefined && until > clock.now()) return false;
        await remove();
        if (until !== undefined) await store.write(new Commit().delete(GIVEN + name), { sync: false });
        return true;
      }),
  };
}
