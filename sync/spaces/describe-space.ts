import type { Catalog } from '#core/catalog/index.ts';
import { type AssetId, concatBytes, toHex, type Uuid } from '#core/kernel/index.ts';
import { type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { type AssetProjection, type DocumentDeps, hashProjection, projectAsset } from '#sync/documents/index.ts';
import { type LogStore, operationCount, type SigningKey } from '#sync/log/index.ts';
import { readAppliedLog } from './applied-log.ts';
import { findAsset } from './apply-replicas.ts';
import { logPathOf } from './control-operation.ts';
import { describeCompaction } from './describe-compaction.ts';
import type { OpenSpace } from './open-space.ts';
import type { SpaceDescription, SpaceSummary } from './operations.ts';
import { readRefused } from './project-operations.ts';
import { readReplica } from './replicas.ts';
import type { SettleReport } from './settle-spaces.ts';
import { readWanted, SUBSCRIBE_FIELD, SUBSCRIPTIONS, type Subscription } from './shared-asset.ts';
import { replicaPrefix } from './space-keys.ts';
import { readUntold } from './untold.ts';

export interface DescribeDeps extends DocumentDeps {
  readonly key: SigningKey;
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly catalog: Catalog;
}

export async function describeSpace(
  deps: DescribeDeps,
  space: OpenSpace,
  report: SettleReport | undefined,
  summary: SpaceSummary,
): Promise<SpaceDescription> {
  const { access, store } = space;
  const assets: SpaceDescription['assets'] = [];
  const hashes: Uint8Array[] = [access.hash];
  for await (const [asset, projection] of projectionsOf(deps, space.record.space)) {
    hashes.push(hashProjection(deps.blake3, projection));
    if (!projection.removed) assets.push(await describeAsset(deps, asset, projection));
  }
  let operations = 0;
  let voidCount = 0;
  for (const log of store.logs()) {
    const head = await deps.logs.tip(log.author, log.logId);
    operations += head ? operationCount(head) : 0;
    const { next, voidFrom } = await readAppliedLog(deps.store, space.record.space, logPathOf(log));
    voidCount += next - voidFrom;
  }
  const refused = new Map(await readRefused(deps.store, space.record.space));
  if (voidCount > 0) refused.set('void', voidCount);
  for (const reason of access.refused.values()) refused.set(reason, (refused.get(reason) ?? 0) + 1);
  return {
    ...summary,
    founder: space.record.founder,
    projectionHash: toHex(deps.blake3(concatBytes(hashes))),
    logCount: store.logs().length,
    operationCount: operations,
    refused: Object.fromEntries(refused),
    waiting: Object.fromEntries(report?.projection.waiting ?? []),
    untold: await describeUntold(deps, space.record.space, report),
    compaction: await describeCompaction(deps, space),
    assets,
  };
}

async function describeUntold(
  { store, catalog }: DescribeDeps,
  space: Uuid,
  report: SettleReport | undefined,
): Promise<SpaceDescription['untold']> {
  const untold: SpaceDescription['untold'] = [];
  for (const asset of await readUntold(store, space)) {
    const reason = report?.untoldAssets.get(asset) ?? report?.publishFault ?? null;
    untold.push({ asset, name: (await findAsset(catalog, asset as AssetId))?.name ?? asset, reason });
  }
  return untold;
}

async function* projectionsOf(deps: DescribeDeps, space: Uuid): AsyncIterable<readonly [AssetId, AssetProjection]> {
  const prefix = replicaPrefix(space);
  for await (const [key] of deps.store.entries(prefixRange(prefix))) {
    const asset = key.slice(prefix.length) as AssetId;
    const replica = await readReplica(deps, space, asset);
    if (replica) yield [asset, projectAsset(deps, replica)];
  }
}

async function describeAsset(
  deps: DescribeDeps,
  asset: AssetId,
  projection: AssetProjection,
): Promise<SpaceDescription['assets'][number]> {
  const here = await findAsset(deps.catalog, asset);
  const segments = here && here.version > 0 ? await deps.catalog.getManifest(here.id, here.version) : [];
  return {
    asset,
    name: here?.name ?? projection.fields.name ?? asset,
    subscription: await subscriptionOf(deps.store, asset, projection),
    versionCount: projection.versions.size,
    headCount: projection.heads.length,
    segmentCount: segments.length,
    missingSegmentCount: segments.filter(({ remote }) => remote).length,
  };
}

/** What this node gets of an asset: what a person here asked for, else what the person who shared it proposes. */
export async function subscriptionOf(
  store: KeyValueStore,
  asset: AssetId,
  { fields }: AssetProjection,
): Promise<Subscription> {
  const proposed = fields.custom[SUBSCRIBE_FIELD];
  const isKnown = (value: unknown): value is Subscription => SUBSCRIPTIONS.some((one) => one === value);
  return (await readWanted(store, asset)) ?? (isKnown(proposed) ? proposed : 'metadata');
}
