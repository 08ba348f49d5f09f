import type { AuditInput } from '#core/audit/index.ts';
import { canonicalJson, equalBytes } from '#core/kernel/index.ts';
import type { Commit } from '#core/platform/ports.ts';
import type { AssetOrigin } from './asset.ts';
import type { AssetReplicaState } from './asset-replica.ts';
import type { ReplicaOutcome } from './apply-replicas.ts';
import type { AssetRecord } from './catalog-asset.ts';
import { ASSET_SOURCES_SHOWN_MAX, type KnownContent } from './commit-segments.ts';
import { sum } from './draft-version.ts';
import { assetKey, checkpointKey, contentKey, edgeKey, manifestKey, removedAssetKey, segmentKey } from './keys.ts';
import type { LineageEdge } from './lineage-edge.ts';
import type { KeepPlan, RemovalPlan } from './plan-replica.ts';
import { endAsset } from './remove-asset.ts';
import type { Draft } from './transact.ts';
import { changeTime } from './update-asset.ts';

/** Keeps an edge where lineage finds it; `place` is its own among those that lead to its version. */
export type StoreEdge = (commit: Commit, edge: LineageEdge, place: number) => void;

/** Adds the end of an asset to a draft, all but the freeing of its name. */
export function writeRemoval(draft: Draft, { state, asset }: RemovalPlan): ReplicaOutcome {
  const { assetId } = state;
  const at = endAsset(draft.commit, asset, null, draft.time.wall, state);
  draft.events.push({ kind: 'asset-removed', assetId, version: asset.version + 1, at, replica: true });
  draft.auditEntries.push(auditEntry(state, asset.name, 'DELETE', { version: asset.version }));
  return { assetId, kind: 'removed' };
}

/** Adds what an asset is to become to a draft, all but its name in the list of names. */
export function writeAsset(
  { commit, events, auditEntries, time }: Draft,
  { state, asset, presence, versions }: KeepPlan,
  name: string,
  named: ReadonlySet<string>,
  storeEdge: StoreEdge,
): ReplicaOutcome {
  const { assetId, fields, origin } = state;
  const last = versions.records.at(-1);
  const edges = newEdges(state, named);
  const { maxErrors: _, origin: __, ...rest } = asset;
  const nextOrigin: AssetOrigin = { ...origin, name: fields.name, ...(versions.head ? { head: versions.head } : {}) };
  const same: AssetRecord = { ...rest, ...fields, name, origin: nextOrigin };
  const unchanged = presence === 'live' && !last && edges.length === 0;
  if (unchanged && equalBytes(canonicalJson(same), canonicalJson(asset))) return { assetId, kind: 'unchanged' };
  const next: AssetRecord = {
    ...same,
    updatedAt: Math.max(presence === 'new' ? time.wall : changeTime(asset, time.wall), last?.createdAt ?? 0),
    edgeCount: asset.edgeCount + edges.length,
    ...(last && {
      version: last.version,
      schema: versions.records.findLast((record) => record.schema)?.schema ?? asset.schema,
      schemaVersion: last.schemaVersion,
      sources: last.sources.slice(0, ASSET_SOURCES_SHOWN_MAX).map((source) => source.name),
      rowCount: last.rowCount,
      byteCount: last.byteCount,
      segmentCount: last.segmentCount,
    }),
  };
  // The last version of an asset that comes back holds nothing, and is a parent now.
  if (presence === 'removed') {
    commit.delete(removedAssetKey(assetId)).put(checkpointKey(assetId, asset.version), canonicalJson([]));
  }
  for (const record of versions.records) {
    commit.put(manifestKey(assetId, record.version), canonicalJson(record));
    for (const key of record.added.map(({ id }) => segmentKey(id, assetId))) {
      if (!named.has(key)) commit.put(key, NOTHING);
    }
    for (const { name: source, contentHash } of record.sources) {
      if (contentHash === null) continue;
      const known: KnownContent = { contentHash, name: source, version: record.version };
      commit.put(contentKey(assetId, contentHash), canonicalJson(known));
    }
    events.push({ kind: 'version-committed', assetId, version: record.version, replica: true });
  }
  for (const { version, segments } of versions.checkpoints) {
    commit.put(checkpointKey(assetId, version), canonicalJson(segments));
  }
  for (const { edge, place } of edges) {
    commit.put(edgeKey(assetId, edge.id), NOTHING);
    storeEdge(commit, edge, place);
    events.push({ kind: 'lineage-recorded', edge, replica: true });
  }
  commit.put(assetKey(assetId), canonicalJson(next));
  // Last, with all that the versions before it have made of the asset.
  events.push({ kind: presence === 'live' ? 'asset-changed' : 'asset-created', asset: next, replica: true });
  const rowsAdded = versions.records.reduce((total, { added }) => total + sum(added, 'rowCount'), 0);
  const detail = { version: next.version, versions: versions.records.length, rowsAdded, edges: edges.length };
  auditEntries.push(auditEntry(state, name, 'WRITE', detail));
  return { assetId, kind: 'applied', name, version: next.version };
}

/** The edges that are not recorded yet, each once, with their places. */
function newEdges({ assetId, edges }: AssetReplicaState, named: ReadonlySet<string>) {
  const known = new Set<string>();
  const places = new Map<number, number>();
  return edges.flatMap((edge) => {
    const place = places.get(edge.to.version) ?? 0;
    places.set(edge.to.version, place + 1);
    const key = edgeKey(assetId, edge.id);
    if (named.has(key) || known.has(key)) return [];
    known.add(key);
    return [{ edge, place }];
  });
}

const NOTHING = new Uint8Array(0);

const auditEntry = (
  { assetId, origin }: AssetReplicaState,
  assetName: string,
  action: 'WRITE' | 'DELETE',
  detail: AuditInput['detail'],
) => ({
  assetId,
  assetName,
  action,
  detail: { change: 'replicate', space: origin.space, spaceName: origin.spaceName, ...detail },
});
