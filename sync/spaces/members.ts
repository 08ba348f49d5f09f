/** The devices of a space: who they are, how one comes in, and how it goes. */
import { GranaryError, toHex } from '#core/kernel/index.ts';
import {
  encodeGrantRecord,
  encodeRevokeRecord,
  type FrontierEntry,
  GRANT_SCHEMA,
  includesLevel,
  type Level,
  type Member,
  REVOKE_SCHEMA,
} from '#sync/access/index.ts';
import {
  type Blake3,
  type Ed25519,
  isSignedAside,
  keyFingerprint,
  type LogName,
  type LogStore,
  peekOperation,
} from '#sync/log/index.ts';
import type { OpenSpace } from './open-space.ts';
import type { MemberOutput } from './operations.ts';

/** A device that is let into a space. */
export interface NewMember {
  readonly device: Uint8Array;
  readonly level: Level;
  readonly encryptionKey: Uint8Array;
  readonly name: string;
}

/** The devices that a person may mean: those whose key or fingerprint begins so, else those of the name. */
export function matchDevices<Device extends { readonly device: Uint8Array; readonly name: string }>(
  blake3: Blake3,
  devices: Iterable<Device>,
  wanted: string,
): Device[] {
  const start = wanted.toLowerCase();
  const all = [...devices];
  const byKey = all.filter(
    ({ device }) => toHex(device).startsWith(start) || keyFingerprint(blake3, device).startsWith(start),
  );
  return byKey.length > 0 ? byKey : all.filter(({ name }) => name === wanted);
}

/** A member by its name, key, fingerprint, or the start of one. Errors: `DEVICE_NOT_FOUND`. */
export function findMember(blake3: Blake3, { access, record }: OpenSpace, device: string): Member {
  const found = matchDevices(blake3, access.members.values(), device);
  if (found.length === 1) return found[0]!;
  const problem = found.length === 0 ? 'has no device' : 'has several devices';
  throw new GranaryError(
    'DEVICE_NOT_FOUND',
    `The space ${JSON.stringify(record.name)} ${problem} ${JSON.stringify(device)}. List the members.`,
    { device, space: record.space },
  );
}

export const memberOutput = (
  blake3: Blake3,
  { self }: Pick<OpenSpace, 'self'>,
  { device, name, level, grantedBy }: Member,
): MemberOutput => ({
  device: toHex(device),
  fingerprint: keyFingerprint(blake3, device),
  name,
  level,
  isThisDevice: toHex(device) === self,
  grantedBy: toHex(grantedBy) === toHex(device) ? null : toHex(grantedBy),
});

/** Lets a device in, or changes what it may do. Errors: `FORBIDDEN`. */
export async function grantLevel(space: OpenSpace, { device, level, encryptionKey, name }: NewMember): Promise<void> {
  requireManager(space);
  const known = space.access.members.get(toHex(device));
  if (known?.level === null) throw removedForGood(space, known);
  if (known && !includesLevel(level, known.level!) && includesLevel(known.level, 'write')) {
    throw cannotBeLowered(space, known);
  }
  const content = encodeGrantRecord({ device, level, encryptionKey, name });
  await space.signControl([{ schema: GRANT_SCHEMA, content }]);
  await space.healKeys((plan) => plan !== undefined);
}

export interface RevokeDeps {
  readonly logs: LogStore;
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
}

/** Removes a device for good; what it signed and this node has stays. Errors: `FORBIDDEN`. */
export async function revokeMember(deps: RevokeDeps, space: OpenSpace, member: Member): Promise<void> {
  requireManager(space);
  const frontier: FrontierEntry[] = [];
  for (const log of space.store.logs()) {
    if (toHex(log.author) !== toHex(member.device)) continue;
    const last = await lastSigned(deps, log);
    if (last) frontier.push({ logId: log.logId, ...last });
  }
  const content = encodeRevokeRecord({ device: member.device, frontier });
  await space.signControl([{ schema: REVOKE_SCHEMA, content }]);
  // What is written from now on is not for this device.
  await space.healKeys((plan) => plan !== undefined);
}

/**
 * The last operation of a log up to which all are signed by its author. What is not checked yet stands on the hash chain
 * alone, which anybody can go on with; a frontier there would keep places for what the author signs later.
 */
async function lastSigned(
  { logs, blake3, ed25519 }: RevokeDeps,
  { author, logId }: LogName,
): Promise<Omit<FrontierEntry, 'logId'> | undefined> {
  const checkedCount = (await logs.tip(author, logId))?.verifiedCount ?? 0;
  let last: Omit<FrontierEntry, 'logId'> | undefined;
  for await (const bytes of logs.operationsFrom(author, logId, Math.max(0, checkedCount - 1))) {
    const operation = peekOperation({ blake3 }, bytes);
    const { seq } = operation.header;
    if (seq >= checkedCount && !(await isSignedAside({ ed25519 }, operation))) break;
    last = { seq, operationId: operation.id };
  }
  return last;
}

function requireManager({ access, record, self }: OpenSpace): void {
  if (includesLevel(access.members.get(self)?.level, 'manage')) return;
  throw new GranaryError('FORBIDDEN', `This device does not manage the space ${JSON.stringify(record.name)}.`, {
    space: record.space,
  });
}

const removedForGood = ({ record }: OpenSpace, { name }: Member) =>
  new GranaryError(
    'FORBIDDEN',
    `The device ${JSON.stringify(name)} was removed from the space ${JSON.stringify(record.name)} for good. ` +
      'Give it a new home and invite that one.',
    { space: record.space },
  );

/** What a device signs can claim to be older than a grant; only a removal says where it ends. */
const cannotBeLowered = ({ record }: OpenSpace, { name, level }: Member) =>
  new GranaryError(
    'FORBIDDEN',
    `The device ${JSON.stringify(name)} may ${level} in the space ${JSON.stringify(record.name)}, and that cannot be ` +
      'lowered: it could still sign what looks older. Remove it, and invite it anew with a new home.',
    { space: record.space },
  );
