import {
  type ApplyOptions,
  type AssetReplicaState,
  type Catalog,
  type CatalogAsset,
  normaliseFields,
  type ReplicaOutcome,
} from '#core/catalog/index.ts';
import { type AbortOptions, type AssetId, isGranaryError, throwIfAborted, type Uuid } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { type AssetProjection, projectAsset } from '#sync/documents/index.ts';
import { decodeSealedSegment } from '#sync/segments/index.ts';
import type { OpenSpace } from './open-space.ts';
import type { ProjectDeps } from './project-operations.ts';
import { type DirtyAsset, readDirtyAssets, readReplicas } from './replicas.ts';
import { goneState, replicaState } from './replica-state.ts';
import { noteSeals } from './sealed-index.ts';
import { putSharedAsset, readSharesOf } from './shared-asset.ts';
import { dirtyKey, sharedAssetKey } from './space-keys.ts';
import { readUntold } from './untold.ts';

/** Assets that one commit of the catalog takes in. */
const BATCH_ASSETS = 500;
/** Assets of which it is found out what they amount to before others may run: some milliseconds of work. */
const BREATH_ASSETS = 64;

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
 * `toldUntil` is the last entry of the catalog's journal that the spaces have been told; assets that were changed later, and
 * those of which the space could not be told, stay as they are and stay marked.
 */
export async function applyReplicas(
  deps: ApplyDeps,
  { record, access }: OpenSpace,
  toldUntil: number,
  { signal }: AbortOptions = {},
): Promise<ApplyReport> {
  const { store, catalog, storeEdge } = deps;
  const { space } = record;
  const report: ApplyReport = { appliedCount: 0, refused: new Map() };
  const untold = await readUntold(store, space);
  const changedHere = followChanges(catalog, toldUntil, { signal });
  for (let after = ''; ;) {
    throwIfAborted(signal);
    await changedHere.follow();
    const dirty = await readDirtyAssets(store, space, after, BATCH_ASSETS);
    if (dirty.length === 0) return report;
    after = dirty.at(-1)!.asset;
    const wanted = dirty.filter(({ asset }) => !untold.has(asset) && !changedHere.assets.has(asset));
    const { states, unknown, seals } = await readStates(deps, { space, spaceName: access.name }, wanted);
    const note = (commit: Commit, outcomes: readonly ReplicaOutcome[]): void => {
      for (const write of seals.writes) if (write.kind === 'put') commit.put(write.key, write.value);
      for (const asset of unknown) commit.delete(dirtyKey(space, asset));
      for (const [i, outcome] of outcomes.entries()) noteOutcome(commit, space, states[i]!, outcome);
    };
    // What the space was told then stands in the commit that has it: later changes of the asset are told apart from it.
    const outcomes = await catalog.applyReplicas(states, {
      storeEdge,
      toldUntil: changedHere.until,
      signal,
      alsoWrite: note,
    });
    const isStored = outcomes.some(({ kind }) => kind === 'applied' || kind === 'removed');
    if (!isStored) {
      const commit = new Commit();
      note(commit, outcomes);
      if (commit.writes.length > 0) await store.write(commit, { sync: false });
    }
    for (const outcome of outcomes) {
      if (outcome.kind === 'refused') report.refused.set(outcome.assetId, outcome.message);
    }
    const applied = outcomes.filter(({ kind }) => kind === 'applied').map(({ assetId }) => assetId);
    report.appliedCount += applied.length;
    for (const asset of (await catalog.getAssets(applied)).values()) await deps.afterApply(asset);
    await deps.breathe();
  }
}

/**
 * The assets that were changed on this node after an entry of the journal. Each entry is read once, however many batches
 * are applied meanwhile and add entries of their own.
 */
function followChanges(catalog: Catalog, toldUntil: number, options: AbortOptions) {
  const changed = {
    /** The last entry that was looked at. */
    until: toldUntil,
    assets: new Set<Uuid>(),
    async follow(): Promise<void> {
      const last = await catalog.lastSequence();
      for await (const { sequence, assetId, isReplica } of catalog.changesAfter(changed.until, options)) {
        if (sequence > last) break;
        if (!isReplica) changed.assets.add(assetId);
      }
      changed.until = Math.max(changed.until, last);
    },
  };
  return changed;
}

function noteOutcome(commit: Commit, space: Uuid, state: AssetReplicaState, { assetId, kind }: ReplicaOutcome): void {
  if (kind === 'changed-here') return;
  commit.delete(dirtyKey(space, assetId));
  if (kind === 'removed') commit.delete(sharedAssetKey(assetId));
  if (kind !== 'applied' && kind !== 'unchanged') return;
  // As the catalog keeps it, and not as it is now: somebody may have changed it since.
  if (!state.removed) putSharedAsset(commit, { asset: assetId, space, told: normaliseFields(state) });
}

interface States {
  readonly states: readonly AssetReplicaState[];
  /** Assets of which there is nothing to be shown. */
  readonly unknown: readonly Uuid[];
  /** Under which names their segments travel. */
  readonly seals: Commit;
}

/** What the catalog is to show of assets. */
async function readStates(
  deps: ApplyDeps,
  origin: { readonly space: Uuid; readonly spaceName: string },
  dirty: readonly DirtyAsset[],
): Promise<States> {
  const { store, catalog, breathe } = deps;
  const assets = dirty.map(({ asset }) => asset);
  const projections = await readProjections(deps, origin.space, dirty);
  const shares = await readSharesOf(store, assets);
  const present = await catalog.getAssets(assets as AssetId[]);
  const states: AssetReplicaState[] = [];
  const unknown: Uuid[] = [];
  const sealed = new Map<string, Uint8Array>();
  for (const [i, asset] of assets.entries()) {
    const [id, shared] = [asset as AssetId, shares[i]];
    // An asset is in one space: what another one says of it has no effect here.
    const projection = !shared || shared.space === origin.space ? projections[i] : undefined;
    const known = present.get(id);
    const said = projection && replicaState(id, origin, projection, known);
    // What was told or came, and does not count any more, goes; what was not told yet stays.
    const isGone = !said && known && shared?.space === origin.space && shared.told;
    const state = isGone ? goneState(origin, known) : said;
    if (state) states.push(state);
    else unknown.push(asset);
    for (const [hash, bytes] of projection?.segments ?? []) sealed.set(hash, bytes);
    if (i % BREATH_ASSETS === BREATH_ASSETS - 1) await breathe();
  }
  const seals = new Commit();
  await noteSeals(store, seals, origin.space, sealed, decodeSealedSegment);
  return { states, unknown, seals };
}

/** What the assets amount to, in their order. */
async function readProjections(
  deps: ApplyDeps,
  space: Uuid,
  dirty: readonly DirtyAsset[],
): Promise<(AssetProjection | undefined)[]> {
  const projections = dirty.map(({ asset, mark }) => deps.fresh.take(space, asset, mark));
  const others = dirty.flatMap(({ asset }, i) => (projections[i] ? [] : [asset]));
  if (others.length === 0) return projections;
  const replicas = await readReplicas(deps, space, others);
  let next = 0;
  for (const [i, projection] of projections.entries()) {
    if (projection) continue;
    const replica = replicas[next++];
    projections[i] = replica && projectAsset(deps, replica);
    if (next % BREATH_ASSETS === 0) await deps.breathe();
  }
  return projections;
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
