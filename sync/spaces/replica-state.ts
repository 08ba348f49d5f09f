import type { AssetReplicaState, AssetSpace, CatalogAsset, LineageEdge, ReplicaVersion } from '#core/catalog/index.ts';
import { type SchemaJson, schemaToJson } from '#core/columnar/index.ts';
import type { AssetId, Uuid } from '#core/kernel/index.ts';
import { type AssetProjection, manifestOf, type VersionFacts } from '#sync/documents/index.ts';
import { sharedFieldsOf } from './shared-asset.ts';

/**
 * What the catalog of this node is to show of an asset, given what it shows now (`asset`, undefined when it has none).
 * Undefined while too little is known: nothing that counts gives it a name.
 */
export function replicaState(
  assetId: AssetId,
  origin: AssetSpace,
  projection: AssetProjection,
  asset: CatalogAsset | undefined,
): AssetReplicaState | undefined {
  const { name, description, assetType, storageFormat, tags, maxErrors } = projection.fields;
  if (projection.removed && !asset) return undefined;
  if (name === null || assetType === null || storageFormat === null) return undefined;
  const versions = storageFormat === 'EDGE' ? [] : planVersions(projection, asset);
  const numbers = numberVersions(versions, asset);
  const newest = (asset?.version ?? 0) + versions.length;
  return {
    assetId,
    origin,
    fields: { name, description, assetType, storageFormat, tags, maxErrors },
    versions,
    edges: projection.edges.map((edge) => toLineageEdge(edge, assetId, numbers.get(edge.to.version ?? '') ?? newest)),
    removed: projection.removed,
  };
}

/** An asset of which nothing is said any more: what was said turned out to be void, or a fork took it away. */
export const goneState = (origin: AssetSpace, asset: CatalogAsset): AssetReplicaState => ({
  assetId: asset.id,
  origin,
  fields: sharedFieldsOf(asset),
  versions: [],
  edges: [],
  removed: true,
  keepsRows: true,
});

/** The numbers that versions of the space have on this node, as far as they are the present one or to come. */
function numberVersions(
  versions: readonly ReplicaVersion[],
  asset: CatalogAsset | undefined,
): Map<string | null, number> {
  const start = asset?.version ?? 0;
  const numbers = new Map(versions.map(({ operationId }, i) => [operationId, start + i + 1]));
  const head = asset?.origin?.head;
  return head ? numbers.set(head.operationId, head.version) : numbers;
}

/**
 * The versions from what is shown here to what is to be shown: one after another where the second continues the first, else
 * the whole at once.
 */
function planVersions(projection: AssetProjection, asset: CatalogAsset | undefined): ReplicaVersion[] {
  const { shown, versions } = projection;
  const head = asset?.origin?.head?.operationId ?? null;
  if (shown === head) return [];
  if (shown === null) return [noVersion(asset!)];
  const chain: VersionFacts[] = [];
  for (let id: string | null = shown; id !== null && id !== head;) {
    const version: VersionFacts | undefined = versions.get(id);
    if (!version) return [];
    chain.push(version);
    id = version.base;
  }
  const oldest = chain.at(-1)!;
  // Another branch counts now: what it holds takes the place of what was shown.
  if (head !== null && oldest.base !== head) return whole(projection, shown);
  const schemas = schemasOf(projection, chain.toReversed());
  if (!schemas) return [];
  return chain.toReversed().map((version, i) => ({ ...factsOf(version), schema: schemas[i]! }));
}

/** What was shown counts no more, and nothing else does: the rows go, the columns stay for those that may come. */
const noVersion = ({ schema }: CatalogAsset): ReplicaVersion => ({
  operationId: null,
  base: null,
  added: [],
  removed: [],
  rowCount: 0,
  byteCount: 0,
  schema: schemaToJson(schema),
  createdAt: 0,
  sources: [],
});

function whole(projection: AssetProjection, id: string): ReplicaVersion[] {
  const manifest = manifestOf(projection, id);
  if (manifest.kind !== 'complete') return [];
  const facts = factsOf(projection.versions.get(id)!);
  return [{ ...facts, base: null, added: manifest.segments, removed: [], schema: manifest.schema }];
}

/** The schema of each version; each without its own has that of its base. */
function schemasOf(projection: AssetProjection, chain: readonly VersionFacts[]): SchemaJson[] | undefined {
  const [first] = chain;
  if (!first) return [];
  let schema = first.schema;
  if (schema === null) {
    const manifest = manifestOf(projection, first.id);
    if (manifest.kind !== 'complete') return undefined;
    schema = manifest.schema;
  }
  return chain.map((version) => (schema = version.schema ?? schema!));
}

const factsOf = ({ id, base, added, removed, rowCount, byteCount, createdAt, sources }: VersionFacts) => ({
  operationId: id,
  base,
  added,
  removed,
  rowCount,
  byteCount,
  createdAt,
  sources,
});

function toLineageEdge(edge: AssetProjection['edges'][number], assetId: AssetId, version: number): LineageEdge {
  const { from, to } = edge;
  return {
    id: edge.id as Uuid,
    from: {
      kind: from.kind,
      name: from.name,
      ...(from.contentHash === null ? {} : { contentHash: from.contentHash }),
      ...(from.assetId === null ? {} : { assetId: from.assetId as AssetId }),
    },
    // Versions have numbers on each node alone.
    to: { assetId, name: to.name, version },
    job: edge.job as Uuid | null,
    rowCount: edge.rowCount,
    at: edge.at,
    detail: edge.detail,
  };
}
