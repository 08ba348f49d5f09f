import { fromHex, toHex } from '#core/kernel/index.ts';
import { encodeGrantRecord, GRANT_SCHEMA, sealBody, writingKey } from '#sync/access/index.ts';
import { assetHeads, DOCUMENT_SCHEMA, editAsset } from '#sync/documents/index.ts';
import { openIncarnation, openSpaceLogs } from '#sync/log/index.ts';
import { readReplica } from '#sync/spaces/replicas.ts';
import { readSharedAssets } from '#sync/spaces/shared-asset.ts';
import type { SyncStack } from './sync-stack.ts';

/** What nobody may ever see. */
export const ROGUE_TEXT = 'written without right';

/** Signs and seals a change of an asset as a writer does, without asking whether this device is one. */
export async function writeWithoutRight(stack: SyncStack, spaceName: string): Promise<boolean> {
  const { deps, spaces } = stack;
  const space = await spaces.find(spaceName);
  const shared = (await readSharedAssets(deps.store)).find((each) => each.space === space.record.space);
  const epoch = writingKey(space.access) ?? space.access.keys[0];
  const key = epoch && space.keyring.get(toHex(epoch.keyId));
  if (!shared || !key) return false;
  const replica = await readReplica(deps, space.record.space, shared.asset);
  const logs = await openSpaceLogs(deps, space.record.space, await openIncarnation(deps));
  const author = { author: stack.device, logId: toHex(logs.dataLogId) };
  let update: Uint8Array | undefined;
  try {
    update = editAsset(deps, replica, author, { description: ROGUE_TEXT });
  } catch {
    // Its last one still waits for others.
    return false;
  }
  if (!update) return false;
  const envelope = {
    schema: DOCUMENT_SCHEMA,
    subject: shared.asset,
    clock: { wall: deps.clock.now(), counter: 0 },
    dependencies: replica ? assetHeads(replica).map(fromHex) : [],
    content: { kind: 'yjs-update', bytes: update },
  } as const;
  const spaceKey = { keyId: epoch.keyId, key };
  await logs.append('data', [envelope], { seal: (body, place) => sealBody(deps, spaceKey, place, body) });
  await space.refresh();
  await spaces.settle();
  return true;
}

/** Grants itself the right to manage, as a manager would. */
export async function claimRights({ deps, key, spaces, device }: SyncStack, spaceName: string): Promise<boolean> {
  const space = await spaces.find(spaceName);
  const member = space.access.members.get(device);
  if (!member) return false;
  const content = encodeGrantRecord({
    device: key.publicKey,
    level: 'manage',
    encryptionKey: member.encryptionKey,
    name: deps.deviceName,
  });
  await space.signControl([{ schema: GRANT_SCHEMA, content }]);
  await spaces.settle();
  return true;
}
