/**
 * Assets whose rows may have to come to this node by themselves. An asset is marked when its document, or what is wanted of
 * it, has changed, and stays so until its rows are here or not wanted: the others need not be looked at.
 */
import type { Catalog } from '#core/catalog/index.ts';
import { type AssetId, throwIfAborted } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import type { Subscription } from './shared-asset.ts';
import { LACKING_ROWS, lackingKey } from './space-keys.ts';

/** Marks that are looked at together. */
const CHUNK = 500;

export const markLacking = (commit: Commit, asset: string): Commit => commit.put(lackingKey(asset), new Uint8Array(0));

export interface LackingRowsDeps {
  readonly store: KeyValueStore;
  readonly catalog: Catalog;
  readonly subscription: (asset: AssetId) => Promise<Subscription | undefined>;
}

/**
 * The assets whose rows are wanted and not all here; the marks of the others go. Those for which `isKnown` says so are not
 * looked at. Nothing may be marked meanwhile.
 */
export async function findLackingRows(
  { store, catalog, subscription }: LackingRowsDeps,
  isKnown: (asset: AssetId) => boolean,
  signal: AbortSignal,
): Promise<AssetId[]> {
  const lacking: AssetId[] = [];
  const marked: AssetId[] = [];
  for await (const [key] of store.entries(prefixRange(LACKING_ROWS))) {
    const asset = key.slice(LACKING_ROWS.length) as AssetId;
    if (!isKnown(asset)) marked.push(asset);
  }
  for (let start = 0; start < marked.length; start += CHUNK) {
    throwIfAborted(signal);
    const chunk = marked.slice(start, start + CHUNK);
    const assets = await catalog.getAssets(chunk);
    const done = new Commit();
    for (const id of chunk) {
      const version = assets.get(id)?.version ?? 0;
      const isWhole = version === 0 || (await catalog.getManifest(id, version)).every(({ remote }) => !remote);
      // What is wanted of an asset stands in its document, which takes longer to read than all before.
      if (isWhole || (await subscription(id)) !== 'data') done.delete(lackingKey(id));
      else lacking.push(id);
    }
    if (done.writes.length > 0) await store.write(done, { sync: false });
  }
  return lacking;
}
