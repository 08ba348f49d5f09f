/**
 * Tells a space what was changed in the catalog: compares an asset with what the operations about it amount to and signs
 * the difference. So it can be repeated after a crash, and what came from the space is not told back to it.
 */
import type { AssetVersion, Catalog, CatalogAsset, LineageEdge, SegmentRef } from '#core/catalog/index.ts';
import { schemaToJson } from '#core/columnar/index.ts';
import {
  type AbortOptions,
  type AssetId,
  canonicalJson,
  type Clock,
  equalBytes,
  fromHex,
  type SegmentHash,
  throwIfAborted,
  toHex,
  type Uuid,
} from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import {
  type AssetEdge,
  type AssetEdit,
  assetHeads,
  type AssetProjection,
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
  type VersionInput,
} from '#sync/documents/index.ts';
import type { SealedSegment } from '#sync/segments/index.ts';
import { findAsset } from './apply-replicas.ts';
import type { DataEnvelope, OpenSpace } from './open-space.ts';
import { type ProjectDeps, projectOperations, readReplica } from './project-operations.ts';
import { sealIn } from './sealed-index.ts';
import { putSharedAsset, type SharedAsset, type SharedFields, sharedFieldsOf } from './shared-asset.ts';

/** The field of an asset's document that says what members get of it by themselves. */
export const SUBSCRIBE_FIELD = 'granary.subscribe';

export interface PublishDeps extends ProjectDeps {
  readonly catalog: Catalog;
  readonly clock: Clock;
  /** The edges that lead to an asset, as this node's lineage has them. */
  readonly edgesTo: (asset: AssetId) => Promise<readonly LineageEdge[]>;
  /** Chooses the key and the name under which a segment of this node travels. */
  readonly recordSegment: (segment: SegmentHash, options: AbortOptions) => Promise<SealedSegment>;
}

/** Returns how many operations were signed. Errors: `FORBIDDEN`, `LIMIT_EXCEEDED`, those of the store. */
export async function publishAsset(
  deps: PublishDeps,
  space: OpenSpace,
  shared: SharedAsset,
  { signal }: AbortOptions = {},
): Promise<number> {
  const { catalog, store } = deps;
  const { space: spaceId } = space.record;
  let count = 0;

  /** Signs operations that build on all that is known, and folds them. */
  async function tell(
    replica: AssetReplica | undefined,
    contents: readonly Pick<DataEnvelope, 'schema' | 'content'>[],
    alsoWrite?: Commit,
  ): Promise<readonly string[]> {
    const dependencies = replica ? assetHeads(replica).map(fromHex) : [];
    const envelopes = contents.map((content, i) => ({
      ...content,
      subject: shared.asset,
      // Those that follow build on the first by their place in the log.
      dependencies: i === 0 ? dependencies : [],
    }));
    const ids = await space.signData(envelopes, alsoWrite ? { alsoWrite } : {});
    await projectOperations(deps, space, { signal });
    count += contents.length;
    return ids;
  }

  async function tellVersion(input: VersionInput): Promise<string> {
    const records = encodeVersion(input).map((bytes) => record(VERSION_SCHEMA, bytes));
    return (await tell(replica, records)).at(-1)!;
  }

  const asset = await findAsset(catalog, shared.asset);
  let replica = await readReplica(deps, spaceId, shared.asset);
  const known = replica && projectAsset(deps, replica);
  if (known?.removed) return 0;
  if (!asset) {
    await tell(replica, [record(REMOVAL_SCHEMA, encodeRemoval({ at: deps.clock.now() }))]);
    return count;
  }

  const fields = sharedFieldsOf(asset);
  const edit = changedFields(shared, fields, known);
  if (edit) {
    const { author, logId } = await space.ownDataLog();
    const update = editAsset(deps, replica, { author: toHex(author), logId: toHex(logId) }, edit);
    const told = putSharedAsset(new Commit(), { asset: shared.asset, space: spaceId, told: fields });
    if (update)
      await tell(replica, [{ schema: DOCUMENT_SCHEMA, content: { kind: 'yjs-update', bytes: update } }], told);
    else await store.write(told, { sync: true });
  }

  for (const version of untoldVersions(asset)) {
    throwIfAborted(signal);
    replica = await readReplica(deps, spaceId, shared.asset);
    const input = await versionInput(deps, spaceId, asset, version, { signal });
    const operationId = findTold(space, replica && projectAsset(deps, replica), input) ?? (await tellVersion(input));
    await catalog.setHead(asset.id, { operationId, version });
  }

  replica = await readReplica(deps, spaceId, shared.asset);
  const edges = await untoldEdges(deps, asset, replica && projectAsset(deps, replica));
  if (edges.length > 0)
    await tell(
      replica,
      edges.map((edge) => record(LINEAGE_SCHEMA, encodeEdge(edge))),
    );
  return count;
}

/** The version as this device has told it already, before it was stopped. */
function findTold(
  { self }: Pick<OpenSpace, 'self'>,
  projection: AssetProjection | undefined,
  { base, createdAt, added }: VersionInput,
): string | undefined {
  for (const version of projection?.versions.values() ?? []) {
    const isIt =
      version.author === self &&
      version.base === base &&
      version.createdAt === createdAt &&
      version.added.length === added.length &&
      version.added.every(({ id }, i) => id === added[i]!.id);
    if (isIt) return version.id;
  }
  return undefined;
}

const record = (schema: string, bytes: Uint8Array): Pick<DataEnvelope, 'schema' | 'content'> => ({
  schema,
  content: { kind: 'record', bytes },
});

/** What was changed here since the space was told; undefined when nothing was. */
function changedFields(
  { told, subscribe }: SharedAsset,
  fields: SharedFields,
  known: AssetProjection | undefined,
): AssetEdit | undefined {
  const edit = Object.fromEntries(
    Object.entries({ ...fields, maxErrors: fields.maxErrors ?? {} }).filter(([name, value]) => {
      const before = told && { ...told, maxErrors: told.maxErrors ?? {} }[name as keyof typeof fields];
      return !told || !equalBytes(canonicalJson(before), canonicalJson(value));
    }),
  ) as AssetEdit;
  const custom = subscribe ? { custom: { ...known?.fields.custom, [SUBSCRIBE_FIELD]: subscribe } } : {};
  return Object.keys(edit).length > 0 || subscribe ? { ...edit, ...custom } : undefined;
}

/** Local versions that no operation carries, in order. Of an asset that is new in the space, the present one alone. */
function untoldVersions({ version, origin, storageFormat }: CatalogAsset): number[] {
  // Rows of EDGE assets lie in the store of this node and do not travel.
  if (version === 0 || storageFormat === 'EDGE') return [];
  const told = origin?.head?.version;
  if (told === undefined) return [version];
  return Array.from({ length: version - told }, (_, i) => told + 1 + i);
}

async function versionInput(
  deps: PublishDeps,
  space: Uuid,
  { id, origin }: CatalogAsset,
  number: number,
  options: AbortOptions,
): Promise<VersionInput> {
  const { catalog } = deps;
  const asset = await catalog.getAsset(id);
  const head = asset.origin?.head ?? origin?.head;
  const version = await catalog.resolveAsOf(id, { version: number });
  const isWhole = head === undefined;
  const change = isWhole
    ? { added: await catalog.getManifest(id, number, options), removed: [] }
    : await catalog.getChange(id, number);
  const added = change.added.map(withoutMark);
  const sealed: SealedSegment[] = [];
  const seals = new Commit();
  for (const { id: segment } of added) {
    const make = () => deps.recordSegment(segment as SegmentHash, options);
    sealed.push(await sealIn(deps.store, seals, space, segment, make));
  }
  // Before anybody hears of the names: under the same name there must never be other bytes.
  if (seals.writes.length > 0) await deps.store.write(seals, { sync: true });
  const parents = head ? [head.operationId] : [];
  return {
    parents,
    base: head?.operationId ?? null,
    schema: isWhole || (await hasNewSchema(catalog, id, version)) ? schemaToJson(version.schema) : null,
    kind: isWhole ? 'replace' : version.kind,
    createdAt: version.createdAt,
    rowCount: version.rowCount,
    byteCount: version.byteCount,
    sources: version.sources,
    added,
    removed: change.removed,
    sealed,
  };
}

const withoutMark = ({ id, rowCount, byteCount, columns }: SegmentRef): SegmentRef => ({
  id,
  rowCount,
  byteCount,
  columns,
});

async function hasNewSchema(catalog: Catalog, id: AssetId, version: AssetVersion): Promise<boolean> {
  if (version.parentVersion === 0) return true;
  const [before, after] = [
    await catalog.resolveAsOf(id, { version: version.parentVersion }),
    await catalog.resolveAsOf(id, { version: version.version }),
  ];
  return !equalBytes(canonicalJson(schemaToJson(before.schema)), canonicalJson(schemaToJson(after.schema)));
}

async function untoldEdges(
  deps: PublishDeps,
  { id }: CatalogAsset,
  projection: AssetProjection | undefined,
): Promise<AssetEdge[]> {
  const known = new Set(projection?.edges.map((edge) => edge.id));
  const { origin } = await deps.catalog.getAsset(id);
  return (await deps.edgesTo(id))
    .filter((edge) => !known.has(edge.id))
    .map(({ id: edgeId, from, to, job, rowCount, at, detail }) => ({
      id: edgeId,
      from: {
        kind: from.kind,
        name: from.name,
        contentHash: from.contentHash ?? null,
        assetId: from.assetId ?? null,
        version: null,
      },
      to: { name: to.name, version: to.version === origin?.head?.version ? origin.head.operationId : null },
      job,
      rowCount,
      at,
      detail,
    }));
}
