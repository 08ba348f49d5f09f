import type { AssetReplicaState, AssetSpace, CatalogAsset, LineageEdge, ReplicaVersion } from '#core/catalog/index.ts';
import { schemaToJson } from '#core/columnar/index.ts';
import type { AssetId, Uuid } from '#core/kernel/index.ts';
import {
  type AssetProjection,
  fittingVersions,
  manifestOf,
  schemaOf,
  type VersionFacts,
} from '#sync/documents/index.ts';
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
  const head = asset?.origin?.head?.operationId ?? null;
  let { shown } = projection;
  if (shown === head) return [];
  let chain = shown === null ? [] : chainBetween(projection, head, shown);
  if (fittingVersions(projection, chain).length < chain.length) {
    shown = newestFitting(projection);
    if (shown === head) return [];
    chain = shown === null ? [] : chainBetween(projection, head, shown);
  }
  if (shown === null) return [noVersion(asset!)];
  // Another branch counts now: what it holds takes the place of what was shown.
  if (head !== null && chain[0]!.base !== head) return whole(projection, shown);
  let schema = schemaOf(projection, chain[0]!);
  return chain.map((version) => ({ ...factsOf(version), schema: (schema = version.schema ?? schema) }));
}

/** What comes after one version up to another, or all up to it when it does not continue that one. */
function chainBetween({ versions }: AssetProjection, start: string | null, end: string): VersionFacts[] {
  const chain: VersionFacts[] = [];
  for (let id: string | null = end; id !== null && id !== start;) {
    const version: VersionFacts = versions.get(id)!;
    chain.push(version);
    id = version.base;
  }
  return chain.reverse();
}

/** Where the newest version is not what it says it is: the next one that is, and what that one changes. */
function newestFitting(projection: AssetProjection): string | null {
  const { heads, versions } = projection;
  const depth = (id: string) => versions.get(id)!.depth;
  const ranked = heads.toSorted((left, right) => depth(right) - depth(left) || (left < right ? -1 : 1));
  const chains = ranked.map((id) => chainBetween(projection, null, id));
  const fitting = chains.map((chain) => fittingVersions(projection, chain));
  const found = fitting.find((versions, i) => versions.length === chains[i]!.length) ?? fitting[0];
  return found?.at(-1)?.id ?? null;
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
