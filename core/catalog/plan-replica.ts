import { type ErrorCode, GranaryError } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import type { AssetReplicaState } from './asset-replica.ts';
import type { VersionRecord } from './asset-version.ts';
import type { AssetRecord } from './catalog-asset.ts';
import { withoutRows } from './create-asset.ts';
import { edgeKey, segmentKey } from './keys.ts';
import type { ManifestReader } from './manifest-reader.ts';
import { planReplicaVersions, type VersionsPlan } from './plan-replica-versions.ts';

/** How an asset stands in the store. */
export type Presence =
  | { readonly kind: 'new' }
  | {
      readonly kind: 'live' | 'removed';
      readonly asset: AssetRecord;
      /** The record of its present version; undefined before there is one. */
      readonly version: VersionRecord | undefined;
    };

/** An asset that is to be, or to become, what its space says. */
export interface KeepPlan {
  readonly kind: 'keep';
  readonly state: AssetReplicaState;
  /** As it is here; without rows, when it is new or comes back. */
  readonly asset: AssetRecord;
  readonly presence: Presence['kind'];
  /** Its segments are named in the store, and what is known of them there is so. */
  readonly hasRows: boolean;
  readonly versions: VersionsPlan;
}

/** An asset that is to go. */
export interface RemovalPlan {
  readonly kind: 'remove';
  readonly state: AssetReplicaState;
  readonly asset: AssetRecord;
}

export const refuseReplica = (code: ErrorCode, fault: string) =>
  new GranaryError(code, `What a space says of an asset cannot be taken in: ${fault}.`);

/** A space speaks for its own assets alone: an id that it names may be that of another asset. */
export function assertSameAsset(presence: Presence, { origin, fields }: AssetReplicaState): void {
  if (presence.kind === 'new') return;
  const { asset } = presence;
  if (asset.origin?.space !== origin.space) {
    throw refuseReplica(
      'FORBIDDEN',
      `the asset ${JSON.stringify(asset.name)} of this node does not belong to the space`,
    );
  }
  if (asset.storageFormat !== fields.storageFormat) {
    throw refuseReplica('INPUT_INVALID', `the asset ${JSON.stringify(asset.name)} cannot change its storage format`);
  }
}

/** What an asset needs to become what its space says. Errors: those of {@link planReplicaVersions}. */
export async function planKeep(
  manifests: ManifestReader,
  state: AssetReplicaState,
  presence: Presence,
  now: number,
): Promise<KeepPlan> {
  const asset = startOf(state, presence, now);
  const first = presence.kind === 'new' ? undefined : presence.version;
  const versions = await planReplicaVersions(manifests, asset, first, state.versions, now);
  const hasRows = presence.kind === 'live' || (presence.kind === 'removed' && presence.asset.keepsRows === true);
  return { kind: 'keep', state, asset, presence: presence.kind, hasRows, versions };
}

function startOf({ assetId: id, fields }: AssetReplicaState, presence: Presence, now: number): AssetRecord {
  if (presence.kind === 'new') return withoutRows({ id, ...fields, operationId: null }, now);
  if (presence.kind === 'live') return presence.asset;
  const { keepsRows: _, ...asset } = presence.asset;
  return { ...asset, rowCount: 0, byteCount: 0, segmentCount: 0 };
}

/** The keys of segments and edges of the assets that the store has already. */
export async function readNamed(store: KeyValueStore, plans: readonly KeepPlan[]): Promise<ReadonlySet<string>> {
  const keys = plans.flatMap(({ state: { assetId, edges }, presence, hasRows, versions }) => {
    if (presence === 'new') return [];
    // The segments of an asset that comes back may have been cleaned away: then they are named anew.
    const records = hasRows ? versions.records : [];
    const segments = records.flatMap(({ added }) => added.map(({ id }) => segmentKey(id, assetId)));
    return [...segments, ...edges.map(({ id }) => edgeKey(assetId, id))];
  });
  if (keys.length === 0) return new Set();
  const found = await store.getMany(keys);
  return new Set(keys.filter((_, i) => found[i] !== undefined));
}
