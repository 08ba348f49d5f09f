import type { Catalog } from '#core/catalog/index.ts';
import { GranaryError, type OperationContext, throwIfAborted } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import { includesLevel } from '#sync/access/index.ts';
import type { OpenSpace } from './open-space.ts';
import { putSharedAsset, readSharedAsset, type Subscription } from './shared-asset.ts';
import { untoldKey } from './space-keys.ts';

/**
 * Puts assets into a space; what is to be told of them is remembered and told by the next settling. Returns their names.
 * Errors: `FORBIDDEN`, `ASSET_NOT_FOUND`, `ASSET_EXISTS` for one that is in another space.
 */
export async function shareAssets(
  { store, catalog }: { readonly store: KeyValueStore; readonly catalog: Catalog },
  { record, access, self }: OpenSpace,
  assets: readonly string[],
  subscribe: Subscription,
  { caller, signal }: Pick<OperationContext, 'caller' | 'signal'>,
): Promise<string[]> {
  const { space } = record;
  if (!includesLevel(access.members.get(self)?.level, 'write')) {
    throw new GranaryError(
      'FORBIDDEN',
      `This device may not write in the space ${JSON.stringify(record.name)}. Ask somebody who manages it.`,
      { space },
    );
  }
  const found = await Promise.all(assets.map((asset) => catalog.getAsset(asset)));
  for (const { id, name } of found) {
    const shared = await readSharedAsset(store, id);
    if (shared && shared.space !== space) throw isElsewhere(name);
  }
  const shares = new Commit();
  for (const { id } of found) {
    throwIfAborted(signal);
    // First, so that all that is told of the asset finds it in its space.
    await catalog.setOrigin(id, { space, spaceName: access.name }, { actor: caller, signal });
    const shared = (await readSharedAsset(store, id)) ?? { asset: id, space, told: undefined };
    putSharedAsset(shares, { ...shared, subscribe }).put(untoldKey(space, id), new Uint8Array());
  }
  await store.write(shares, { sync: true });
  return found.map(({ name }) => name);
}

const isElsewhere = (name: string) =>
  new GranaryError('ASSET_EXISTS', `The asset ${JSON.stringify(name)} is in another space already. Copy it first.`, {
    name,
  });
