import type { ChainedEntry } from '#core/audit/index.ts';
import type { SchemaJson } from '#core/columnar/index.ts';
import { isSegmentHash, isUuid } from '#core/kernel/index.ts';
import type { VersionRecord } from './asset-version.ts';
import type { AssetRecord } from './catalog-asset.ts';
import type { IngestionJob } from './ingestion-job.ts';
import type { JournalEntry } from './journal.ts';
import type { LineageEdge } from './lineage-edge.ts';

/** An entry of the journal with what it points to. */
export type ResolvedEntry =
  | Exclude<JournalEntry, { readonly kind: 'version-committed' }>
  | (Extract<JournalEntry, { readonly kind: 'version-committed' }> & {
      readonly record: VersionRecord;
      /** The schema of the version, wherever it is stored. */
      readonly schema: SchemaJson;
    });

/**
 * Rows of the view by table, under the names of their columns; times in milliseconds since the UNIX epoch. `asset_changes`
 * are for rows of `data_assets` that an earlier batch has written: null leaves a column as it is.
 */
export interface ViewRows {
  readonly data_assets: object[];
  readonly asset_changes: object[];
  readonly asset_versions: object[];
  readonly version_segments: object[];
  readonly webm_columnar: object[];
  readonly ingestion_jobs: object[];
  readonly data_lineage: object[];
}

interface AssetChange {
  readonly version: number;
  readonly schema: SchemaJson | null;
  readonly updated_at: number;
  readonly removed: boolean | null;
  readonly seq: number;
}

/**
 * What a run of journal entries, in order, makes of the view. An asset and a job appear once, in their last state, however
 * often they changed: the result does not depend on where the journal was cut into batches.
 */
export function projectView(entries: readonly ResolvedEntry[]): ViewRows {
  const assets = new Map<string, object>();
  const changes = new Map<string, AssetChange>();
  const jobs = new Map<string, object>();
  const rows: ViewRows = {
    data_assets: [],
    asset_changes: [],
    asset_versions: [],
    version_segments: [],
    webm_columnar: [],
    ingestion_jobs: [],
    data_lineage: [],
  };

  const change = (assetId: string, next: AssetChange) => {
    const whole = assets.get(assetId);
    const fields = Object.fromEntries(Object.entries(next).filter(([, value]) => value !== null));
    if (whole) assets.set(assetId, { ...whole, ...fields });
    else changes.set(assetId, { ...(changes.get(assetId) ?? next), ...fields });
  };

  for (const entry of entries) {
    const seq = entry.sequence;
    switch (entry.kind) {
      case 'asset-created':
      case 'asset-changed':
        changes.delete(entry.asset.id);
        assets.set(entry.asset.id, assetRow(entry.asset, seq));
        break;
      case 'asset-removed':
        change(entry.assetId, { version: entry.version, schema: null, updated_at: entry.at, removed: true, seq });
        break;
      case 'version-committed':
        addVersion(rows, entry);
        change(entry.assetId, {
          version: entry.version,
          schema: entry.record.schema ?? null,
          updated_at: entry.record.createdAt,
          removed: null,
          seq,
        });
        break;
      case 'lineage-recorded':
        rows.data_lineage.push(edgeRow(entry.edge, seq));
        break;
      case 'job-recorded':
        jobs.set(entry.job.id, jobRow(entry.job, seq));
        break;
    }
  }
  rows.data_assets.push(...assets.values());
  for (const [id, fields] of changes) rows.asset_changes.push({ id, ...fields });
  rows.ingestion_jobs.push(...jobs.values());
  return rows;
}

const assetRow = (asset: AssetRecord, seq: number) => ({
  id: asset.id,
  name: asset.name,
  description: asset.description,
  asset_type: asset.assetType,
  storage_format: asset.storageFormat,
  schema: asset.schema,
  tags: asset.tags,
  version: asset.version,
  removed: false,
  created_at: asset.createdAt,
  updated_at: asset.updatedAt,
  seq,
});

function addVersion(rows: ViewRows, entry: Extract<ResolvedEntry, { readonly kind: 'version-committed' }>): void {
  const { assetId, record, schema, sequence: seq } = entry;
  const place = { asset_id: assetId, version: record.version };
  const uncounted = { row_count: 0, byte_count: 0 };
  rows.asset_versions.push({
    ...place,
    parent: record.parentVersion === 0 ? null : record.parentVersion,
    kind: record.kind,
    row_count: record.rowCount,
    byte_count: record.byteCount,
    schema,
    operation_id: record.operationId,
    created_at: record.createdAt,
    seq,
  });
  for (const [ordinal, segment_id] of record.removed.entries()) {
    rows.version_segments.push({ ...place, segment_id, change: 'REMOVED', ordinal, ...uncounted });
  }
  for (const [ordinal, { id, rowCount, byteCount, columns }] of record.added.entries()) {
    const counts = { row_count: rowCount, byte_count: byteCount };
    rows.version_segments.push({ ...place, segment_id: id, change: 'ADDED', ordinal, ...counts });
    if (!isSegmentHash(id)) continue;
    const file = { segment_hash: id, asset_id: assetId, ...counts, columns, created_at: record.createdAt, seq };
    rows.webm_columnar.push(file);
  }
}

const jobRow = (job: IngestionJob, seq: number) => ({
  id: job.id,
  name: job.name,
  source: job.source,
  target_asset_id: job.targetAssetId,
  schedule: job.schedule,
  transformation_logic: job.transformationLogic,
  status: job.status,
  last_run: job.lastRun,
  next_run: job.nextRun,
  error_count: job.errorCount,
  max_errors: job.maxErrors,
  last_result: job.lastResult,
  seq,
});

function edgeRow({ id, from, to, job, rowCount, at, detail }: LineageEdge, seq: number) {
  const { kind, name, ...source } = from;
  return {
    id,
    from_kind: kind,
    from_name: name,
    to_kind: 'asset',
    to_name: to.name,
    asset_id: to.assetId,
    version: to.version,
    job_id: job !== null && isUuid(job) ? job : null,
    detail: { ...detail, rowCount, from: source },
    at,
    seq,
  };
}

/** A row of `audit_logs`; `seq` is the entry's number in the trail, not in the journal. */
export const auditRow = (entry: ChainedEntry): object => ({
  id: entry.id,
  user_id: entry.userId,
  asset_id: entry.assetId,
  purpose: entry.purpose,
  action: entry.action,
  outcome: entry.outcome,
  source_ip: entry.sourceIp,
  device_info: entry.deviceInfo,
  detail: { ...entry.detail, ...(entry.assetName === null ? {} : { assetName: entry.assetName }) },
  at: entry.at,
  seq: entry.sequence,
});
