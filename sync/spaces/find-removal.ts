import { GranaryError, toHex } from '#core/kernel/index.ts';
import { splitOperation } from '#sync/log/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { readEnvelope } from './control-operation.ts';
import type { OpenSpace } from './open-space.ts';
import type { RemovalOutput } from './operations.ts';

/** The last moment that a date can name. Milliseconds. */
const DATE_LARGEST = 8.64e15;

/** True for a space that goes on without this device: nothing of it is taken in, told or shown anew. */
export const isLeft = ({ access, self }: Pick<OpenSpace, 'access' | 'self'>): boolean =>
  (access.members.get(self)?.level ?? null) === null;

/**
 * True when nothing that is here says that this device was ever let in: a fork took it away, as after a restored backup. Who
 * let it in may have done so again, and what says so comes from the others alone.
 */
export const isForgotten = ({ access, self }: Pick<OpenSpace, 'access' | 'self'>): boolean =>
  !access.admitted.has(self);

/**
 * Who removed this device from a space, and when by the clock of that device; null when nobody did. A device whose grant is
 * void was not removed itself.
 */
export async function findRemoval(
  { blake3 }: { readonly blake3: Blake3 },
  { access, self, store, record }: OpenSpace,
): Promise<RemovalOutput | null> {
  const me = access.members.get(self);
  const removal = me && access.removalOf(me.device);
  if (!removal) return null;
  const { author, logId, seq } = removal;
  const device = toHex(author);
  for await (const bytes of store.operationsFrom(author, logId, seq)) {
    const { body } = splitOperation({ blake3 }, bytes);
    const wall = (body && readEnvelope(body, record.space)?.clock.wall) ?? 0;
    const name = access.members.get(device)?.name ?? '';
    return { device, name, at: new Date(Math.min(wall, DATE_LARGEST)).toISOString() };
  }
  return null;
}

/** What a person is told where a space goes on without this device. */
export const removalText = (spaceName: string, removal: RemovalOutput | null): string =>
  removal
    ? `This device was removed from the space ${JSON.stringify(spaceName)} by ${JSON.stringify(removal.name)} at ` +
      `${removal.at}: nothing comes and goes any more, and what is here stays.`
    : `This device is no member of the space ${JSON.stringify(spaceName)} any more, since whoever let it in was ` +
      'removed, or came back from a backup and knows nothing of it: nothing comes and goes any more, and what is here stays.';

/** Errors: `FORBIDDEN` for a space that goes on without this device. */
export async function requireMembership(deps: { readonly blake3: Blake3 }, space: OpenSpace): Promise<void> {
  if (!isLeft(space)) return;
  const { record } = space;
  throw new GranaryError('FORBIDDEN', removalText(record.name, await findRemoval(deps, space)), {
    space: record.space,
  });
}
