/**
 * Signs anew whom this device had let in and removed, where that counts no more because a control log was forked: its own
 * operations behind the fork of its own log, and those that build on what is behind the fork of another one. Keys need not be
 * told again: new ones are made.
 */
import { toHex } from '#core/kernel/index.ts';
import {
  type ControlOperation,
  decodeRevokeRecord,
  GRANT_SCHEMA,
  includesLevel,
  REVOKE_SCHEMA,
} from '#sync/access/index.ts';
import type { OpenSpace } from './open-space.ts';
import type { UnforkedSpace } from './unforked-space.ts';

/**
 * Returns how many operations were signed. `told` are those that were, so that nothing is told twice that has no effect.
 * Errors: those of `OpenSpace.signControl`.
 */
export async function retellControl(space: OpenSpace, unforked: UnforkedSpace, told: Set<string>): Promise<number> {
  const { access, self } = space;
  if (!includesLevel(access.members.get(self)?.level, 'manage')) return 0;
  const lost = unforked.lost.filter(({ id, author }) => toHex(author) === self && !told.has(toHex(id)));
  const due = lost.filter((operation) => isMissed(space, unforked, operation));
  if (due.length === 0) return 0;
  await space.signControl(due.map(({ schema, content }) => ({ schema, content })));
  for (const { id } of due) told.add(toHex(id));
  return due.length;
}

/** True for what would count without forks, and whose effect is not there. */
function isMissed(
  { access }: OpenSpace,
  { access: whole }: UnforkedSpace,
  { id, schema, content }: ControlOperation,
): boolean {
  if (whole.refused.has(toHex(id))) return false;
  if (schema === GRANT_SCHEMA) {
    const standing = [...whole.members].find(
      ([, { grantId, level }]) => level !== null && toHex(grantId) === toHex(id),
    );
    if (!standing) return false;
    const [device, { level }] = standing;
    const now = access.members.get(device)?.level;
    return now === undefined || (now !== null && !includesLevel(now, level!));
  }
  if (schema !== REVOKE_SCHEMA) return false;
  return access.levelNow(decodeRevokeRecord(content).device) !== null;
}
