import type { Clock, Uuid } from '#core/kernel/index.ts';
import type { KeyPlan } from '#sync/access/index.ts';

/** How much longer a device waits than the one before it that could sign the same keys. Milliseconds. */
export const KEY_TURN_MS = 30_000;

/** True when it is for this device to sign the keys of a space; without a plan there is nothing to be signed. */
export type KeyTurns = (space: Uuid, plan: KeyPlan | undefined) => boolean;

/**
 * Several devices can come to the same plan. The one of the least rank signs at once, the others when so much time has
 * gone by that those before them seem not to be there. Time counts from when something was to be signed at all.
 */
export function createKeyTurns(clock: Clock): KeyTurns {
  const since = new Map<Uuid, number>();
  return (space, plan) => {
    if (!plan) {
      since.delete(space);
      return false;
    }
    const start = since.get(space) ?? clock.monotonic();
    since.set(space, start);
    return clock.monotonic() - start >= plan.rank * KEY_TURN_MS;
  };
}
