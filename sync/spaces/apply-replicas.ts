import {
  type ApplyOptions,
  type AssetReplicaState,
  type AssetSpace,
  type Catalog,
  type CatalogAsset,
  normaliseFields,
  REPLICA_SEGMENTS_MAX,
  type ReplicaOutcome,
} from '#core/catalog/index.ts';
import { type AbortOptions, type AssetId, isGranaryError, throwIfAborted, type Uuid } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { type AssetProjection, projectAsset } from '#sync/documents/index.ts';
import { markLacking } from './lacking-rows.ts';
import type { OpenSpace } from './open-space.ts';
import type { ProjectDeps } from './project-operations.ts';
import { type DirtyAsset, readDirtyAssets, readReplicas } from './replicas.ts';
import { goneState, replicaState } from './replica-state.ts';
import { noteSeals } from './sealed-index.ts';
import { putSharedAsset, readSharesOf } from './shared-asset.ts';
import { dirtyKey, sharedAssetKey } from './space-keys.ts';
import { openStateBatch } from './state-batch.ts';
import { noteTaken } from './untaken.ts';
import { readUntold } from './untold.ts';

/** Assets that one commit of the catalog takes in, when their versions name few segments: some milliseconds of work. */
const BATCH_ASSETS = 256;
/** Assets of which it is found out what they amount to before others may run: some milliseconds of work. */
const BREATH_ASSETS = 64;

export interface ApplyDeps extends ProjectDeps {
  readonly catalog: Catalog;
  readonly storeEdge: ApplyOptions['storeEdge'];
  /** An asset's rows or columns are others now: tables that are made of them have to follow. */
  readonly afterApply: (asset: CatalogAsset) => Promise<void>;
}

/**
 * Brings the catalog to what the operations of a space amount to, for the assets that changed since the last time.
 * `toldUntil` is the last entry of the catalog's journal that the spaces have been told; assets that were changed later, and
 * those of which the space could not be told, stay as they are and stay marked.
 */
export async function applyReplicas(
  deps: ApplyDeps,
  space: OpenSpace,
  toldUntil: number,
  options: AbortOptions = {},
): Promise<void> {
  const applying = await startApplying(deps, space, toldUntil, options);
  for (let from = ''; ;) {
    throwIfAborted(options.signal);
    const dirty = await readDirtyAssets(deps.store, space.record.space, from, BATCH_ASSETS);
    if (dirty.length === 0) return;
    from = (await applyBatch(applying, dirty)) ?? behind(dirty.at(-1)!.asset);
  }
}

/** The least key behind that of an asset. */
const behind = (asset: Uuid): string => `${asset}\0`;

/**
 * Shows assets that the catalog has not had yet while more is coming: what is known of these already is true as far as it
 * goes. One that the catalog has waits until all that came is known, so that nothing is taken back and given again.
 */
export async function openNewAssets(
  deps: ApplyDeps,
  space: OpenSpace,
  toldUntil: number,
  options: AbortOptions = {},
): Promise<(assets: readonly DirtyAsset[]) => Promise<void>> {
  const applying = await startApplying(deps, space, toldUntil, options);
  return async (assets) => {
    for (let from = 0; from < assets.length; from += BATCH_ASSETS) {
      throwIfAborted(options.signal);
      const batch = assets.slice(from, from + BATCH_ASSETS);
      const present = await deps.catalog.getAssets(batch.map(({ asset }) => asset as AssetId));
      const unseen = batch.filter(({ asset }) => !present.has(asset as AssetId));
      if (unseen.length > 0) await applyBatch(applying, unseen);
    }
  };
}

interface Applying {
  readonly deps: ApplyDeps;
  readonly origin: AssetSpace;
  readonly untold: ReadonlySet<Uuid>;
  readonly changedHere: ReturnType<typeof followChanges>;
  readonly options: AbortOptions;
}

async function startApplying(
  deps: ApplyDeps,
  { record: { space }, access }: OpenSpace,
  toldUntil: number,
  options: AbortOptions,
): Promise<Applying> {
  const untold = await readUntold(deps.store, space);
  const changedHere = followChanges(deps.catalog, toldUntil, options);
  return { deps, origin: { space, spaceName: access.name }, untold, changedHere, options };
}

/** Brings the catalog to what some assets amount to, in one commit. Returns from where on they found no room in it. */
async function applyBatch(
  { deps, origin, untold, changedHere, options: { signal } }: Applying,
  dirty: readonly DirtyAsset[],
): Promise<string | undefined> {
  const { store, catalog, storeEdge } = deps;
  const { space } = origin;
  await changedHere.follow();
  const wanted = dirty.filter(({ asset }) => !untold.has(asset) && !changedHere.assets.has(asset));
  const { states, unknown, lacking, seals, rest } = await readStates(deps, origin, wanted);
  const note = (commit: Commit, outcomes: readonly ReplicaOutcome[]): void => {
    for (const write of seals.writes) if (write.kind === 'put') commit.put(write.key, write.value);
    for (const asset of unknown) commit.delete(dirtyKey(space, asset));
    for (const asset of lacking) markLacking(commit, asset);
    for (const [i, outcome] of outcomes.entries()) {
      noteOutcome(commit, space, states[i]!, outcome, outcome.assetId === rest);
    }
  };
  // What the space was told then stands in the commit that has it: later changes of the asset are told apart from it.
  const outcomes = await catalog.applyReplicas(states, {
    storeEdge,
    toldUntil: changedHere.until,
    signal,
    alsoWrite: note,
    onJournal: changedHere.pass,
  });
  const isStored = outcomes.some(({ kind }) => kind === 'applied' || kind === 'removed');
  if (!isStored) {
    const commit = new Commit();
    note(commit, outcomes);
    if (commit.writes.length > 0) await store.write(commit, { sync: false });
  }
  const applied = outcomes.filter((outcome) => outcome.kind === 'applied');
  // Of an asset without a version there are no rows that anything could follow.
  const withRows = applied.filter(({ version }) => version > 0).map(({ assetId }) => assetId);
  for (const asset of (await catalog.getAssets(withRows)).values()) await deps.afterApply(asset);
  await deps.breathe();
  // A part of an asset that was not taken in would not be taken in the next time.
  const isStuck = outcomes.some(({ assetId, kind }) => assetId === rest && kind !== 'applied');
  return rest && isStuck ? behind(rest) : rest;
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
    /** Passes over entries that are known to come from a space, when they follow those that were looked at. */
    pass({ first, last }: { readonly first: number; readonly last: number }): void {
      if (first === changed.until + 1) changed.until = last;
    },
  };
  return changed;
}

/** @param isPart the rest of the asset's versions is still to come */
function noteOutcome(
  commit: Commit,
  space: Uuid,
  state: AssetReplicaState,
  outcome: ReplicaOutcome,
  isPart: boolean,
): void {
  const { assetId, kind } = outcome;
  if (kind === 'changed-here') return;
  if (!isPart || kind !== 'applied') commit.delete(dirtyKey(space, assetId));
  noteTaken(commit, space, assetId, kind === 'refused' ? outcome.message : undefined);
  if (kind === 'removed') commit.delete(sharedAssetKey(assetId));
  if (kind !== 'applied' && kind !== 'unchanged') return;
  // As the catalog keeps it, and not as it is now: somebody may have changed it since.
  if (!state.removed) putSharedAsset(commit, { asset: assetId, space, told: normaliseFields(state) });
}

interface States {
  readonly states: readonly AssetReplicaState[];
  /** Assets of which there is nothing to be shown. */
  readonly unknown: readonly Uuid[];
  /** Assets that have versions, whose rows may have to come. */
  readonly lacking: readonly Uuid[];
  /** Under which names their segments travel. */
  readonly seals: Commit;
  /** Where to go on: with an asset that comes in parts, the last of `states`, or that found no room. */
  readonly rest: Uuid | undefined;
}

/** What the catalog is to show of assets, of as many as one commit takes in. */
async function readStates(deps: ApplyDeps, origin: AssetSpace, dirty: readonly DirtyAsset[]): Promise<States> {
  const { store, breathe } = deps;
  const batch = openStateBatch(REPLICA_SEGMENTS_MAX);
  const unknown: Uuid[] = [];
  const lacking: Uuid[] = [];
  const claimed = new Map<Uuid, AssetProjection['segments']>();
  for (let i = 0; i < dirty.length && !batch.rest; i += BREATH_ASSETS) {
    for (const { asset, state, projection, version } of await readSaid(
      deps,
      origin,
      dirty.slice(i, i + BREATH_ASSETS),
    )) {
      if (state) batch.add(state, version);
      else unknown.push(asset);
      if (state && !state.removed && projection && projection.versions.size > 0) lacking.push(asset);
      if (projection) claimed.set(asset, projection.segments);
      if (batch.rest) break;
    }
    await breathe();
  }
  const seals = new Commit();
  await noteSeals(store, seals, origin.space, claimed);
  return { states: batch.states, unknown, lacking, seals, rest: batch.rest };
}

/** What is said of assets that the catalog can show. */
async function readSaid(deps: ApplyDeps, origin: AssetSpace, dirty: readonly DirtyAsset[]) {
  const assets = dirty.map(({ asset }) => asset);
  const projections = await readProjections(deps, origin.space, dirty);
  const shares = await readSharesOf(deps.store, assets);
  const present = await deps.catalog.getAssets(assets as AssetId[]);
  return assets.map((asset, i) => {
    const [id, shared] = [asset as AssetId, shares[i]];
    // An asset is in one space: what another one says of it has no effect here.
    const projection = !shared || shared.space === origin.space ? projections[i] : undefined;
    const known = present.get(id);
    const said = projection && replicaState(id, origin, projection, known);
    // What was told or came, and does not count any more, goes; what was not told yet stays.
    const isGone = !said && known && shared?.space === origin.space && shared.told;
    return { asset, state: isGone ? goneState(origin, known) : said, projection, version: known?.version ?? 0 };
  });
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
