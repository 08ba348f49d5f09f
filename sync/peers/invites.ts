/**
 * Invitations that this device has made, at `invite/<hash of the secret>`: what the ticket says stands here as well, since
 * the ticket may have been changed on its way. The secret itself is not kept.
 */
import { canonicalJson, type Clock, readRecord, toHex, toUtf8, concatBytes, type Uuid } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import type { Level } from '#sync/access/index.ts';
import type { Blake3 } from '#sync/log/index.ts';

export interface Invite {
  readonly space: Uuid;
  readonly level: Level;
  /** Milliseconds since the UNIX epoch, by the clock of this device. */
  readonly expiresAt: number;
  /** The device that redeemed it, 64 hexadecimal digits; null while nobody has. */
  readonly usedBy: string | null;
}

export interface InviteDeps {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly blake3: Blake3;
}

const SECRET_DOMAIN = toUtf8('granary invite secret\0');

const inviteKey = (blake3: Blake3, secret: Uint8Array): string =>
  `invite/${toHex(blake3(concatBytes([SECRET_DOMAIN, secret])))}`;

export const putInvite = (
  { store, blake3 }: InviteDeps,
  secret: Uint8Array,
  invite: Omit<Invite, 'usedBy'>,
): Promise<void> =>
  store.write(new Commit().put(inviteKey(blake3, secret), canonicalJson({ ...invite, usedBy: null })), { sync: true });

/** Why a ticket is not redeemed. */
export type InviteRefusal = 'unknown' | 'expired' | 'used';

/**
 * Binds an invitation to the device that redeems it, before it is let in: a crash in between leaves a ticket that the same
 * device can redeem again, and no other.
 */
export async function useInvite(
  { store, clock, blake3 }: InviteDeps,
  secret: Uint8Array,
  device: Uint8Array,
): Promise<Invite | InviteRefusal> {
  const key = inviteKey(blake3, secret);
  const bytes = await store.get(key);
  if (!bytes) return 'unknown';
  const invite = readRecord<Invite>(key, bytes);
  const by = toHex(device);
  if (invite.usedBy !== null) return invite.usedBy === by ? invite : 'used';
  if (clock.now() >= invite.expiresAt) return 'expired';
  const used = { ...invite, usedBy: by };
  await store.write(new Commit().put(key, canonicalJson(used)), { sync: true });
  return used;
}
