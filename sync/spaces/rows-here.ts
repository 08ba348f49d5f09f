import type { Catalog } from '#core/catalog/index.ts';
import type { AssetId, Uuid } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { readSharedAsset } from './shared-asset.ts';

export interface RowsHereDeps {
  readonly store: KeyValueStore;
  readonly catalog: Pick<Catalog, 'assetsHolding'>;
}

/** An asset of a space whose rows in a segment are on this node. */
export interface RowsHere {
  readonly asset: AssetId;
  readonly space: Uuid;
}

/**
 * The assets of spaces that have a segment on this node. That it lies here for an asset of no space, or of another one, is
 * nothing that members of a space may learn: whoever can guess a file would find out that it is here.
 */
export async function readRowsHere({ store, catalog }: RowsHereDeps, segment: string): Promise<RowsHere[]> {
  const here: RowsHere[] = [];
  for (const asset of await catalog.assetsHolding(segment)) {
    const shared = await readSharedAsset(store, asset);
    if (shared) here.push({ asset, space: shared.space });
  }
  return here;
}
