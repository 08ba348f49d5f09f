import type { ApplyOptions, AssetReplicaState, Catalog, CatalogAsset } from '#core/catalog/index.ts';
import { type AbortOptions, type AssetId, isGranaryError, throwIfAborted, type Uuid } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { projectAsset } from '#sync/documents/index.ts';
import { decodeSealedSegment } from '#sync/segments/index.ts';
import type { OpenSpace } from './open-space.ts';
import { type ProjectDeps, readDirtyAssets, readReplica } from './project-operations.ts';
import { replicaState } from './replica-state.ts';
import { sealIn } from './sealed-index.ts';
import { putSharedAsset, readSharedAsset, sharedFieldsOf } from './shared-asset.ts';
import { dirtyKey } from './space-keys.ts';

/** Assets that one commit of the catalog takes in. */
const BATCH_ASSETS = 500;

export interface ApplyDeps extends ProjectDeps {
  readonly catalog: Catalog;
  readonly storeEdge: ApplyOptions['storeEdge'];
  /** An asset's rows or columns are others now: tables that are made of them have to follow. */
  readonly afterApply: (asset: CatalogAsset) => Promise<void>;
}

/** What became of the assets of a space in the catalog. */
export interface ApplyReport {
  appliedCount: number;
  /** Assets that the catalog cannot take in, with the reason. */
  readonly refused: Map<Uuid, string>;
}

/**
 * Brings the catalog to what the operations of a space amount to, for the assets that changed since the last time.
 * `toldUntil` is the last entry of the catalog's journal that the spaces have been told; assets that were changed later stay
 * as they are and stay marked.
 */
export async function applyReplicas(
  deps: ApplyDeps,
  { record, access }: OpenSpace,
  toldUntil: number,
  { signal }: AbortOptions = {},
): Promise<ApplyReport> {
  const { store, catalog } = deps;
  const { space } = record;
  const report: ApplyReport = { appliedCount: 0, refused: new Map() };
  const passedOver = new Set<Uuid>();
  for (;;) {
    throwIfAborted(signal);
    const limit = BATCH_ASSETS + passedOver.size;
    const dirty = (await readDirtyAssets(store, space, limit)).filter((asset) => !passedOver.has(asset));
    if (dirty.length === 0) return report;
    const commit = new Commit();
    const states: AssetReplicaState[] = [];
    for (const asset of dirty) {
      const state = await stateOf(deps, { space, spaceName: access.name }, asset, commit);
      if (state) states.push(state);
      else commit.delete(dirtyKey(space, asset));
    }
    const outcomes = await catalog.applyReplicas(states, { storeEdge: deps.storeEdge, toldUntil, signal });
    for (const outcome of outcomes) {
      const { assetId } = outcome;
      if (outcome.kind === 'changed-here') {
        passedOver.add(assetId);
        continue;
      }
      if (outcome.kind === 'refused') report.refused.set(assetId, outcome.message);
      commit.delete(dirtyKey(space, assetId));
      if (outcome.kind !== 'applied' && outcome.kind !== 'unchanged') continue;
      const asset = await catalog.getAsset(assetId);
      putSharedAsset(commit, { asset: assetId, space, told: sharedFieldsOf(asset) });
      if (outcome.kind === 'applied') {
        report.appliedCount += 1;
        await deps.afterApply(asset);
      }
    }
    await store.write(commit, { sync: true });
  }
}

async function stateOf(
  deps: ApplyDeps,
  origin: { readonly space: Uuid; readonly spaceName: string },
  asset: Uuid,
  commit: Commit,
): Promise<AssetReplicaState | undefined> {
  const { store, catalog } = deps;
  const replica = await readReplica(deps, origin.space, asset);
  if (!replica) return undefined;
  const shared = await readSharedAsset(store, asset);
  // An asset is in one space: what another one says of it has no effect here.
  if (shared && shared.space !== origin.space) return undefined;
  const projection = projectAsset(deps, replica);
  for (const [hash, bytes] of projection.segments) {
    await sealIn(store, commit, origin.space, hash, () => decodeSealedSegment(bytes));
  }
  const id = asset as AssetId;
  return replicaState(id, origin, projection, await findAsset(catalog, id));
}

/** Undefined for an asset that this node does not have, or no longer. */
export async function findAsset(catalog: Catalog, id: AssetId): Promise<CatalogAsset | undefined> {
  try {
    return await catalog.getAsset(id);
  } catch (error) {
    if (isGranaryError(error, 'ASSET_NOT_FOUND')) return undefined;
    throw error;
  }
}
