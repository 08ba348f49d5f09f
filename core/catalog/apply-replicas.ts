import type { AuditActor } from '#core/audit/index.ts';
import {
  type AbortOptions,
  asGranaryError,
  type AssetId,
  canonicalJson,
  type ErrorCode,
  isGranaryError,
  readRecord,
  throwIfAborted,
} from '#core/kernel/index.ts';
import type { Commit, KeyValueStore } from '#core/platform/ports.ts';
import { type AssetReplicaState, checkReplica } from './asset-replica.ts';
import type { VersionRecord } from './asset-version.ts';
import type { AssetRecord } from './catalog-asset.ts';
import { assetOf, readJournal } from './journal.ts';
import { assetKey, assetNameKey, manifestKey, removedAssetKey } from './keys.ts';
import type { ManifestReader } from './manifest-reader.ts';
import {
  assertSameAsset,
  type KeepPlan,
  planKeep,
  type Presence,
  readNamed,
  refuseReplica,
  type RemovalPlan,
} from './plan-replica.ts';
import { settleNames } from './settle-names.ts';
import { type CatalogCore, type Draft, transact } from './transact.ts';
import { type StoreEdge, writeAsset, writeRemoval } from './write-replica.ts';

/** Segments that the versions of one call name at most: the commit is held in memory and written as one batch. */
export const REPLICA_SEGMENTS_MAX = 100_000;

/** Stands in the audit trail for what came from a space. Who did it there stands in the log of the space. */
const SPACE_ACTOR: AuditActor = { userId: null, purpose: 'DATA_SYNC', sourceIp: null, deviceInfo: 'granary-sync' };

export interface ApplyOptions extends AbortOptions {
  readonly storeEdge: StoreEdge;
  /**
   * The last entry of the journal whose change the spaces have been told. An asset that was changed here after it is left
   * as it is, so that nothing is overwritten that nobody else has. Absent: every change has been told.
   */
  readonly toldUntil?: number | undefined;
  /** Adds to the commit that stores the assets. When no asset is applied or removed, nothing is stored, nor this. */
  readonly alsoWrite?: ((commit: Commit, outcomes: readonly ReplicaOutcome[]) => void) | undefined;
  /** Hears which entries of the journal this call has stored, when it has stored any. */
  readonly onJournal?: ((entries: { readonly first: number; readonly last: number }) => void) | undefined;
}

/** What became of one asset. */
export type ReplicaOutcome = { readonly assetId: AssetId } & (
  | { readonly kind: 'applied'; readonly name: string; readonly version: number }
  | { readonly kind: 'removed' | 'unchanged' }
  /** It was changed here, and the space does not know yet: hand it in again once it does. */
  | { readonly kind: 'changed-here' }
  /** The state cannot be taken in; the other assets are not touched by that. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
);

type Step = KeepPlan | RemovalPlan | { readonly kind: 'done'; readonly outcome: ReplicaOutcome };

/**
 * Brings assets to the state that their spaces give them, all in one synced commit: fields, versions, edges, removal. What
 * is so already is not written. Nothing is signed: the operations stand in the logs of the spaces. Each asset has an outcome
 * of its own. Errors: those of the store.
 */
export async function applyReplicas(
  core: CatalogCore,
  manifests: ManifestReader,
  states: readonly AssetReplicaState[],
  options: ApplyOptions,
): Promise<readonly ReplicaOutcome[]> {
  const { store } = core;
  const { signal, storeEdge, toldUntil } = options;
  let kept: readonly KeepPlan[] = [];
  const { onJournal } = options;
  const outcomes = await transact(core, { actor: SPACE_ACTOR, signal, onJournal }, async (draft) => {
    const present = await readPresence(store, states);
    const changedHere = toldUntil === undefined ? new Set() : await readChanged(store, toldUntil, options);
    const seen = new Set<AssetId>();
    let segmentsLeft = REPLICA_SEGMENTS_MAX;
    const plan = async (given: AssetReplicaState): Promise<Step> => {
      const { assetId } = given;
      const presence = present.get(assetId) ?? { kind: 'new' };
      const done = (kind: 'unchanged' | 'changed-here'): Step => ({ kind: 'done', outcome: { assetId, kind } });
      if (seen.has(assetId)) throw refuseReplica('INPUT_INVALID', 'it stands twice in one call');
      seen.add(assetId);
      const state = checkReplica(given);
      segmentsLeft -= state.versions.reduce((total, { added, removed }) => total + added.length + removed.length, 0);
      if (segmentsLeft < 0) {
        throw refuseReplica(
          'LIMIT_EXCEEDED',
          `the versions of one call name more than ${REPLICA_SEGMENTS_MAX} segments`,
        );
      }
      assertSameAsset(presence, state);
      if (changedHere.has(assetId)) return done('changed-here');
      if (state.removed) {
        return presence.kind === 'live' ? { kind: 'remove', state, asset: presence.asset } : done('unchanged');
      }
      return planKeep(manifests, state, presence, draft.time.wall);
    };
    const steps: Step[] = [];
    for (const state of states) {
      throwIfAborted(signal);
      steps.push(await plan(state).catch((error: unknown) => refused(state, error)));
    }
    const removals = steps.filter((step) => step.kind === 'remove');
    kept = steps.filter((step) => step.kind === 'keep');
    const names = await writeNames(store, draft, kept, removals);
    const named = await readNamed(store, kept);
    const outcomes = steps.map((step): ReplicaOutcome => {
      if (step.kind === 'done') return step.outcome;
      if (step.kind === 'remove') return writeRemoval(draft, step);
      return writeAsset(draft, step, names.get(step.state.assetId)!, named, storeEdge);
    });
    options.alsoWrite?.(draft.commit, outcomes);
    return outcomes;
  });
  for (const { state, versions } of kept) {
    const last = versions.records.at(-1);
    if (last && versions.manifest) manifests.remember(state.assetId, last.version, versions.manifest);
  }
  return outcomes;
}

/** Gives the assets their names; what becomes free comes first, as one asset may take the name of another. */
async function writeNames(
  store: KeyValueStore,
  { commit }: Draft,
  kept: readonly KeepPlan[],
  removals: readonly RemovalPlan[],
): Promise<ReadonlyMap<AssetId, string>> {
  const claims = kept.map(({ state: { assetId, fields, origin }, asset, presence }) => {
    const current = presence === 'live' ? asset.name : undefined;
    return { assetId, wanted: fields.name, spaceName: origin.spaceName, current };
  });
  const ended = removals.map(({ asset }) => asset.name);
  const names = await settleNames(store, claims, ended);
  const changed = claims.filter(({ assetId, current }) => current !== names.get(assetId));
  for (const name of ended) commit.delete(assetNameKey(name));
  for (const { current } of changed) if (current !== undefined) commit.delete(assetNameKey(current));
  for (const { assetId } of changed) commit.put(assetNameKey(names.get(assetId)!), canonicalJson(assetId));
  return names;
}

/** The assets that are here, with their present versions where there are versions to come. */
async function readPresence(store: KeyValueStore, states: readonly AssetReplicaState[]) {
  const ids = [...new Set(states.map(({ assetId }) => assetId))].filter((id) => typeof id === 'string');
  const live = await readRecords<AssetRecord>(store, ids.map(assetKey));
  const missing = ids.filter((id) => !live.has(assetKey(id)));
  const removed = await readRecords<AssetRecord>(store, missing.map(removedAssetKey));
  const found = ids.flatMap((id) => {
    const own = live.get(assetKey(id));
    const asset = own ?? removed.get(removedAssetKey(id));
    return asset ? [{ kind: own ? ('live' as const) : ('removed' as const), asset }] : [];
  });
  const grows = new Set(states.filter(({ versions }) => versions?.length > 0).map(({ assetId }) => assetId));
  const currentKey = ({ id, version }: AssetRecord) => manifestKey(id, version);
  const growing = found.filter(({ asset }) => asset.version > 0 && grows.has(asset.id));
  const current = await readRecords<VersionRecord>(
    store,
    growing.map(({ asset }) => currentKey(asset)),
  );
  return new Map<AssetId, Presence>(
    found.map(({ kind, asset }) => [asset.id, { kind, asset, version: current.get(currentKey(asset)) }]),
  );
}

/** The records that the store has, by key. */
async function readRecords<T>(store: KeyValueStore, keys: readonly string[]): Promise<Map<string, T>> {
  const found = keys.length === 0 ? [] : await store.getMany(keys);
  return new Map(keys.flatMap((key, i) => (found[i] ? [[key, readRecord<T>(key, found[i])] as const] : [])));
}

/** The assets that were changed on this node after an entry of the journal. */
async function readChanged(store: KeyValueStore, after: number, options: AbortOptions): Promise<Set<AssetId>> {
  const changed = new Set<AssetId>();
  for await (const entry of readJournal(store, after + 1, options)) {
    const assetId = assetOf(entry);
    if (assetId !== undefined && !entry.replica) changed.add(assetId);
  }
  return changed;
}

/** Faults of the machine are those of the whole call. */
const OF_THE_MACHINE: readonly ErrorCode[] = ['IO_FAILED', 'DISK_FULL', 'STORE_DAMAGED', 'CANCELLED'];

function refused({ assetId }: AssetReplicaState, error: unknown): Step {
  if (OF_THE_MACHINE.some((code) => isGranaryError(error, code))) throw error;
  const { code, message } = asGranaryError(error);
  return { kind: 'done', outcome: { assetId, kind: 'refused', code, message } };
}
