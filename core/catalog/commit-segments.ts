import type { Schema } from 'apache-arrow';
import { type AssetId, GranaryError, canonicalJson, readRecord } from '#core/kernel/index.ts';
import type { Commit } from '#core/platform/ports.ts';
import { type AssetVersion, toAssetVersion, type VersionRecord, type VersionSource } from './asset-version.ts';
import { type AssetRecord, type CatalogAsset, toCatalogAsset } from './catalog-asset.ts';
import { draftAsset, type NewAsset, requireAsset } from './create-asset.ts';
import { draftVersion, sum } from './draft-version.ts';
import type { IngestionJob } from './ingestion-job.ts';
import { assetKey, contentKey, edgeKey, evictedKey, jobKey, removedAssetKey, segmentKey } from './keys.ts';
import type { LineageEdge } from './lineage-edge.ts';
import type { ManifestReader } from './manifest-reader.ts';
import type { SegmentRef } from './ports.ts';
import { commitQuarantine, type QuarantineRun } from './quarantine.ts';
import { assetNotFound, readAsset } from './read-catalog.ts';
import { assertRowsHere } from './remote-segments.ts';
import { type CatalogCore, type ChangeOptions, type Draft, transact } from './transact.ts';

/** Segments one commit adds or removes at most: the commit is held in memory and written as one batch. */
export const COMMIT_SEGMENTS_MAX = 20_000;
/** Sources one commit names at most, for the same reason; more files than that are taken in by several commits. */
export const COMMIT_SOURCES_MAX = 10_000;
/** Sources that the asset itself shows; the versions and the edges have them all. */
export const ASSET_SOURCES_SHOWN_MAX = 100;

const NOTHING = new Uint8Array(0);

/** What a commit offers to the slices that come after the catalog. */
export interface CommitContribution {
  /** Takes their own writes. */
  readonly commit: Commit;
  readonly assetId: AssetId;
  readonly assetName: string;
  /** The version in the making. */
  readonly version: number;
  /** When it is made, in milliseconds since the UNIX epoch. */
  readonly at: number;
  /** Puts an edge into the journal and the signed log. */
  recordEdge(edge: LineageEdge): void;
}

/** Rows that are stored already and are to become a version. */
export interface SegmentCommit {
  readonly assetId: AssetId;
  /** Creates the asset in the same commit, when there is none of this id: then `parentVersion` is 0. */
  readonly create?: NewAsset | undefined;
  /** The version the caller has seen. */
  readonly parentVersion: number;
  /** Schema of the added rows. */
  readonly schema: Schema;
  /** In the order of the rows. */
  readonly added: readonly SegmentRef[];
  /** Ids of segments of the parent that the version leaves out. */
  readonly removed?: readonly string[] | undefined;
  readonly sources: readonly VersionSource[];
  /** Takes in content again that an earlier version took in. */
  readonly repeatContent?: boolean | undefined;
  /** The rows set aside on the way; flushed and named by the commit. */
  readonly quarantine?: QuarantineRun | undefined;
  readonly jobs?: readonly IngestionJob[] | undefined;
  /** Called while the commit is put together, once for each try. */
  readonly contribute?: ((contribution: CommitContribution) => void) | undefined;
}

/** A source whose content an earlier version has taken in. */
export interface KnownContent {
  readonly contentHash: string;
  /** The name it had then. */
  readonly name: string;
  readonly version: number;
}

/**
 * How a commit ended: with a new version, or with nothing stored, because some content is in the asset already. Then the
 * caller leaves that content out and commits again, or discards its quarantine run.
 */
export type CommitOutcome =
  | { readonly kind: 'committed'; readonly asset: CatalogAsset; readonly version: AssetVersion }
  | { readonly kind: 'known-content'; readonly known: readonly KnownContent[] };

/** The version that took in this content; undefined when none did. */
export async function findContent(
  store: CatalogCore['store'],
  assetId: AssetId,
  contentHash: string,
): Promise<KnownContent | undefined> {
  const key = contentKey(assetId, contentHash);
  const bytes = await store.get(key);
  return bytes && readRecord<KnownContent>(key, bytes);
}

/**
 * Makes a version of stored rows: the point at which they belong to the asset. One synced commit holds the manifest, the
 * signed operation, the edges, the jobs, the audit entry and what `contribute` adds. Errors: `ASSET_NOT_FOUND`,
 * `VERSION_CONFLICT` when `parentVersion` is not the current version (read it again; an append may be tried again with the
 * new parent), `SCHEMA_MISMATCH`, `LIMIT_EXCEEDED`, `INPUT_INVALID`; with `create` also `ASSET_EXISTS`,
 * `ASSET_NAME_INVALID`; `SEGMENT_MISSING` for rows that were evicted since they were stored; those of the guard.
 */
export async function commitSegments(
  core: CatalogCore,
  manifests: ManifestReader,
  input: SegmentCommit,
  options: ChangeOptions,
): Promise<CommitOutcome> {
  checkLimits(input);
  await input.quarantine?.flush();
  let manifest: readonly SegmentRef[] | undefined;
  const outcome = await transact(core, options, async (draft): Promise<CommitOutcome> => {
    const existing = await readAsset(core.store, input.assetId);
    assertParent(input, existing);
    if (existing) await core.guard?.mayChange(existing);
    const known = input.repeatContent ? [] : await knownContent(core, input);
    if (known.length > 0) return { kind: 'known-content', known };
    if (!existing) await assertNeverRemoved(core, input.assetId);
    const created = !existing && input.create ? await draftAsset(core, draft, input.assetId, input.create) : undefined;
    const record = existing ?? created ?? (await requireAsset(core, input.assetId));
    await assertRowsHere(core, record.name, input.added);
    const made = await draftVersion(core, manifests, draft, record, input);
    manifest = made.manifest;
    if (created) draft.events.push({ kind: 'asset-created', asset: created });
    return finish(draft, record, made.version, input);
  });
  // Only now: a manifest of a commit that failed must not be remembered.
  if (outcome.kind === 'committed' && manifest) {
    manifests.remember(input.assetId, outcome.version.version, manifest);
  }
  return outcome;
}

function checkLimits({ added, removed = [], sources }: SegmentCommit): void {
  const segments = added.length + removed.length;
  const [what, count, limit] =
    segments > COMMIT_SEGMENTS_MAX
      ? (['segments', segments, COMMIT_SEGMENTS_MAX] as const)
      : (['sources', sources.length, COMMIT_SOURCES_MAX] as const);
  if (count <= limit) return;
  throw new GranaryError(
    'LIMIT_EXCEEDED',
    `A commit names at most ${limit} ${what}, not ${count}. Split the work into several commits.`,
    { limit },
  );
}

function assertParent({ parentVersion, create, assetId }: SegmentCommit, existing: AssetRecord | undefined): void {
  const current = existing?.version ?? 0;
  if (parentVersion === current || (!existing && !create)) return;
  throw new GranaryError(
    'VERSION_CONFLICT',
    `The asset ${JSON.stringify(existing?.name ?? create?.name)} is at version ${current}, not ${parentVersion}: ` +
      'somebody else committed first. Read it again and repeat the change.',
    { assetId, parentVersion, version: current },
  );
}

/** An id is used once: an asset that was removed while rows were on their way does not come back with them. */
async function assertNeverRemoved({ store }: CatalogCore, assetId: AssetId): Promise<void> {
  if ((await store.get(removedAssetKey(assetId))) !== undefined) throw assetNotFound(assetId);
}

async function knownContent(core: CatalogCore, { assetId, sources }: SegmentCommit): Promise<KnownContent[]> {
  const known: KnownContent[] = [];
  for (const { contentHash } of sources) {
    const found = contentHash === null ? undefined : await findContent(core.store, assetId, contentHash);
    if (found) known.push(found);
  }
  return known;
}

async function finish(
  draft: Draft,
  record: AssetRecord,
  version: VersionRecord,
  input: SegmentCommit,
): Promise<CommitOutcome> {
  const { commit } = draft;
  const assetId = record.id;
  const edges: LineageEdge[] = [];
  input.contribute?.({
    commit,
    assetId,
    assetName: record.name,
    version: version.version,
    at: version.createdAt,
    recordEdge: (edge) => void edges.push(edge),
  });
  draft.events.push({ kind: 'version-committed', assetId, version: version.version });
  let { operationId } = version;
  for (const edge of edges) {
    operationId = await draft.replicate({ id: assetId, operationId }, 'lineage-recorded', { ...edge });
    draft.events.push({ kind: 'lineage-recorded', edge });
    commit.put(edgeKey(assetId, edge.id), NOTHING);
  }
  for (const job of input.jobs ?? []) {
    commit.put(jobKey(job.id), canonicalJson(job));
    draft.events.push({ kind: 'job-recorded', job });
  }
  for (const segment of version.added) {
    // Another node may have named the segment before: now it is here.
    commit.put(segmentKey(segment.id, assetId), record.origin ? canonicalJson(segment) : NOTHING);
    commit.delete(evictedKey(assetId, segment.id));
  }
  for (const { name, contentHash } of version.sources) {
    if (contentHash === null) continue;
    const known: KnownContent = { contentHash, name, version: version.version };
    commit.put(contentKey(assetId, contentHash), canonicalJson(known));
  }
  if (input.quarantine) commitQuarantine(commit, input.quarantine, assetId, version.version);
  const next: AssetRecord = {
    ...record,
    updatedAt: version.createdAt,
    version: version.version,
    schema: version.schema ?? record.schema,
    schemaVersion: version.schemaVersion,
    sources: version.sources.slice(0, ASSET_SOURCES_SHOWN_MAX).map(({ name }) => name),
    edgeCount: record.edgeCount + edges.length,
    rowCount: version.rowCount,
    byteCount: version.byteCount,
    segmentCount: version.segmentCount,
    quarantinedCount: record.quarantinedCount + version.quarantinedCount,
    operationId,
  };
  commit.put(assetKey(assetId), canonicalJson(next));
  audit(draft, next, version);
  return { kind: 'committed', asset: toCatalogAsset(next), version: toAssetVersion(version) };
}

function audit(draft: Draft, asset: AssetRecord, version: VersionRecord): void {
  const subject = { assetId: asset.id, assetName: asset.name };
  const detail = {
    version: version.version,
    rowsAdded: sum(version.added, 'rowCount'),
    quarantinedCount: version.quarantinedCount,
  };
  draft.auditEntries.push({ ...subject, action: 'WRITE', detail });
  if (version.schema && version.version > 1) {
    draft.auditEntries.push({ ...subject, action: 'SCHEMA_CHANGE', detail: { version: version.version } });
  }
}
