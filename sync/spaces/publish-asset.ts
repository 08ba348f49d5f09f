/**
 * Tells a space what was changed in the catalog: compares an asset with what the operations about it amount to and signs
 * the difference. So it can be repeated after a crash, and what came from the space is not told back to it.
 */
import type { CatalogAsset, LineageEdge, OriginHead } from '#core/catalog/index.ts';
import { type AbortOptions, type AssetId, type Clock, throwIfAborted, toHex } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import {
  type AssetEdge,
  type AssetReplica,
  DOCUMENT_SCHEMA,
  editAsset,
  encodeEdge,
  encodeRemoval,
  encodeVersion,
  LINEAGE_SCHEMA,
  projectAsset,
  REMOVAL_SCHEMA,
  VERSION_SCHEMA,
} from '#sync/documents/index.ts';
import { announceRows } from './announce-rows.ts';
import { findAsset } from './apply-replicas.ts';
import { mergeFields } from './merge-fields.ts';
import type { OpenSpace, SignOptions } from './open-space.ts';
import { type ProjectDeps, projectOperations } from './project-operations.ts';
import { readReplica } from './replicas.ts';
import { putSharedAsset, type SharedAsset, sharedFieldsOf, SUBSCRIBE_FIELD } from './shared-asset.ts';
import { sharedAssetKey } from './space-keys.ts';
import { recordOf, tellAsset, type Told } from './tell-asset.ts';
import { findTold, untoldVersions, type VersionDeps, versionInput, type VersionPast } from './version-input.ts';

export interface PublishDeps extends ProjectDeps, VersionDeps {
  readonly clock: Clock;
  /** The edges that lead to an asset, as this node's lineage has them. */
  readonly edgesTo: (asset: AssetId) => Promise<readonly LineageEdge[]>;
}

interface Context extends PublishDeps {
  readonly space: OpenSpace;
  readonly shared: SharedAsset;
  /** What the operations amount to now. */
  replica: AssetReplica | undefined;
  toldCount: number;
}

/** Returns how many operations were signed. Errors: `FORBIDDEN`, `KEY_MISSING`, `LOG_FORKED`, those of what is told. */
export async function publishAsset(
  deps: PublishDeps,
  space: OpenSpace,
  shared: SharedAsset,
  { signal }: AbortOptions = {},
): Promise<number> {
  const replica = await readReplica(deps, space.record.space, shared.asset);
  const context: Context = { ...deps, space, shared, replica, toldCount: 0 };
  // What others removed cannot be changed any more; the catalog follows.
  if (replica && replica.removals.size > 0) return 0;
  const asset = await findAsset(deps.catalog, shared.asset);
  if (!asset) await tellRemoval(context);
  else {
    await tellFields(context, asset);
    await tellVersions(context, asset, { signal });
    await tellEdges(context, asset);
    await tellRelays(context, { signal });
  }
  return context.toldCount;
}

/** Signs operations that build on all that is known, and folds them; returns their ids. */
async function tell(context: Context, contents: readonly Told[], options?: SignOptions): Promise<readonly string[]> {
  const { space, shared, replica } = context;
  const ids = await tellAsset(context, space, { asset: shared.asset, replica }, contents, options);
  context.replica = await readReplica(context, space.record.space, shared.asset);
  context.toldCount += contents.length;
  return ids;
}

async function tellRemoval(context: Context): Promise<void> {
  const { store, clock, replica, shared } = context;
  const gone = new Commit().delete(sharedAssetKey(shared.asset));
  // Nobody has heard of an asset that was removed before anything was told of it.
  if (!replica) return store.write(gone, { sync: true });
  await tell(context, [recordOf(REMOVAL_SCHEMA, encodeRemoval({ at: clock.now() }))], { alsoWrite: gone });
}

async function tellFields(context: Context, asset: CatalogAsset): Promise<void> {
  const { store, space, shared, replica } = context;
  const fields = sharedFieldsOf(asset);
  const known = replica && projectAsset(context, replica).fields;
  const changed = mergeFields(shared.told, fields, known);
  const custom = shared.subscribe && { custom: { ...known?.custom, [SUBSCRIBE_FIELD]: shared.subscribe } };
  if (!changed && !custom) return;
  const { author, logId } = await space.ownDataLog();
  const update = editAsset(context, replica, { author: toHex(author), logId: toHex(logId) }, { ...changed, ...custom });
  const told = putSharedAsset(new Commit(), { asset: shared.asset, space: shared.space, told: fields });
  if (!update) return store.write(told, { sync: true });
  await tell(context, [{ schema: DOCUMENT_SCHEMA, content: { kind: 'yjs-update', bytes: update } }], {
    alsoWrite: told,
    logId,
  });
}

async function tellVersions(context: Context, asset: CatalogAsset, { signal }: AbortOptions): Promise<void> {
  const { catalog, space } = context;
  let past = await findPast(context, asset);
  for (const version of untoldVersions(asset)) {
    throwIfAborted(signal);
    const input = await versionInput(context, space.record.space, asset.id, version, past, { signal });
    const before = context.replica && findTold(space.self, projectAsset(context, context.replica), input);
    const records = () => encodeVersion(input).map((bytes) => recordOf(VERSION_SCHEMA, bytes));
    const operationId = before ?? (await tell(context, records())).at(-1)!;
    await catalog.setHead(asset.id, { operationId, version });
    past = { base: operationId, parents: [operationId] };
  }
}

/**
 * What the first of the untold versions continues. Where what it changes counts no more, it comes after the last version of
 * this node that does.
 */
async function findPast({ catalog, replica, ...deps }: Context, { id, origin }: CatalogAsset): Promise<VersionPast> {
  const head = origin?.head?.operationId ?? null;
  if (head === null) return { base: null, parents: [] };
  const versions = replica && projectAsset(deps, replica).versions;
  const stands = (operationId: string) => versions?.get(operationId)?.missing.length === 0;
  if (stands(head)) return { base: head, parents: [head] };
  const known = (await catalog.listVersions(id)).flatMap(({ operationId }) => operationId ?? []);
  return { base: null, parents: known.filter(stands).slice(0, 1) };
}

async function tellEdges(context: Context, { id }: CatalogAsset): Promise<void> {
  const { catalog, edgesTo, replica } = context;
  const edges = await edgesTo(id);
  if (edges.length === 0) return;
  const known = new Set(replica && projectAsset(context, replica).edges.map((edge) => edge.id));
  const untold = edges.filter((edge) => !known.has(edge.id));
  if (untold.length === 0) return;
  const head = (await catalog.getAsset(id)).origin?.head;
  const records = untold.map((edge) => recordOf(LINEAGE_SCHEMA, encodeEdge(toAssetEdge(edge, head))));
  await tell(context, records);
}

async function tellRelays(context: Context, options: AbortOptions): Promise<void> {
  const { catalog, space, shared, replica } = context;
  if (!replica || projectAsset(context, replica).fields.custom[SUBSCRIBE_FIELD] !== 'data') return;
  const count = await announceRows(context, space, await catalog.getAsset(shared.asset), options);
  if (count === 0) return;
  await projectOperations(context, space, { only: await space.ownDataLog() });
  context.toldCount += count;
}

/** Versions have numbers on each node alone; the space knows them by their operations. */
function toAssetEdge(
  { id, from, to, job, rowCount, at, detail }: LineageEdge,
  head: OriginHead | undefined,
): AssetEdge {
  return {
    id,
    from: {
      kind: from.kind,
      name: from.name,
      contentHash: from.contentHash ?? null,
      assetId: from.assetId ?? null,
      version: null,
    },
    to: { name: to.name, version: to.version === head?.version ? head.operationId : null },
    job,
    rowCount,
    at,
    detail,
  };
}
