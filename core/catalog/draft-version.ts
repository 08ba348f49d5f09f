import type { Schema } from 'apache-arrow';
import { schemaFromJson, schemaToJson, withErrorBounds } from '#core/columnar/index.ts';
import { equalBytes, GranaryError, canonicalJson } from '#core/kernel/index.ts';
import type { VersionRecord } from './asset-version.ts';
import type { AssetRecord } from './catalog-asset.ts';
import type { SegmentCommit } from './commit-segments.ts';
import { evolveSchema } from './evolve-schema.ts';
import { checkpointKey, manifestKey } from './keys.ts';
import { applyChange, deltaWeight, isCheckpointDue } from './manifest.ts';
import type { ManifestReader } from './manifest-reader.ts';
import { OPERATION_SEGMENTS_MAX } from './operation-envelope.ts';
import type { ColumnSummary, SegmentRef, StatisticsValue } from './ports.ts';
import { readVersion } from './read-catalog.ts';
import type { CatalogCore, Draft } from './transact.ts';
import { changeTime } from './update-asset.ts';

/** The schema after the commit, with the error bounds of the asset. Rows that replace all others bring their own columns. */
function nextSchema(record: AssetRecord, input: SegmentCommit): Schema {
  const schema = nextColumns(record, input);
  const bounds = Object.entries(record.maxErrors ?? {}).filter(([name]) => schema.fields.some((f) => f.name === name));
  return withErrorBounds(schema, Object.fromEntries(bounds));
}

function nextColumns(record: AssetRecord, input: SegmentCommit): Schema {
  const keepsRows = record.segmentCount > (input.removed?.length ?? 0);
  if (record.schemaVersion === 0 || (!keepsRows && input.removed?.length)) return input.schema;
  return evolveSchema(record.name, schemaFromJson(record.schema), input.schema);
}

/**
 * Adds the next version of an asset to a draft: its record, a checkpoint when one is due, and its signed operations.
 * Returns the record, and all segments when they are at hand. Errors: `SCHEMA_MISMATCH`, `INPUT_INVALID`, `LIMIT_EXCEEDED`.
 */
export async function draftVersion(
  core: CatalogCore,
  manifests: ManifestReader,
  draft: Draft,
  record: AssetRecord,
  input: SegmentCommit,
): Promise<{ version: VersionRecord; manifest: readonly SegmentRef[] | undefined }> {
  const change = { added: input.added.map(storedSegment), removed: input.removed ?? [] };
  const version = record.version + 1;
  const schema = schemaToJson(nextSchema(record, input));
  const schemaChanged = record.schemaVersion === 0 || !equalBytes(canonicalJson(schema), canonicalJson(record.schema));
  const parent = record.version === 0 ? undefined : await readVersion(core.store, record.id, record.version);
  const weight = (parent?.deltaWeight ?? 0) + deltaWeight(change);
  const segmentCount = record.segmentCount + change.added.length - change.removed.length;
  const checkpoint = isCheckpointDue(weight, segmentCount);

  const readParent = async () => (parent ? manifests.read(record.id, parent) : []);
  const parentSegments =
    checkpoint || change.removed.length > 0 ? await readParent() : manifests.cached(record.id, record.version);
  const manifest = parentSegments && applyChange(parentSegments, change);
  const gone = countRemoved(parentSegments, change.removed);

  const facts = {
    version,
    parentVersion: record.version,
    kind: change.removed.length > 0 ? ('replace' as const) : ('append' as const),
    createdAt: changeTime(record, draft.time.wall),
    rowCount: record.rowCount + sum(change.added, 'rowCount') - gone.rowCount,
    byteCount: record.byteCount + sum(change.added, 'byteCount') - gone.byteCount,
    segmentCount,
    quarantinedCount: input.quarantine?.rowCount ?? 0,
  };
  const operationId = await replicateVersion(draft, record, facts, change, schemaChanged ? schema : undefined);
  const stored: VersionRecord = {
    ...facts,
    sources: input.sources,
    operationId,
    ...change,
    ...(schemaChanged ? { schema } : {}),
    schemaVersion: schemaChanged ? version : record.schemaVersion,
    checkpointVersion: checkpoint ? version : (parent?.checkpointVersion ?? 0),
    deltaWeight: checkpoint ? 0 : weight,
  };
  draft.commit.put(manifestKey(record.id, version), canonicalJson(stored));
  if (checkpoint) draft.commit.put(checkpointKey(record.id, version), canonicalJson(manifest));
  return { version: stored, manifest };
}

/** Signs the version, in as many operations as its segments need; the last one makes it whole, and names it. */
async function replicateVersion(
  draft: Draft,
  record: AssetRecord,
  facts: Pick<VersionRecord, 'version' | 'parentVersion' | 'kind' | 'createdAt' | 'rowCount' | 'byteCount'>,
  change: Pick<VersionRecord, 'added' | 'removed'>,
  schema: VersionRecord['schema'],
): Promise<string> {
  const added = change.added.map(({ id, rowCount, byteCount }) => ({ id, rowCount, byteCount }));
  const parts = Math.max(1, Math.ceil(Math.max(added.length, change.removed.length) / OPERATION_SEGMENTS_MAX));
  let { operationId } = record;
  for (let part = 0; part < parts; part++) {
    const [from, to] = [part * OPERATION_SEGMENTS_MAX, (part + 1) * OPERATION_SEGMENTS_MAX];
    operationId = await draft.replicate({ id: record.id, operationId }, 'version-committed', {
      ...facts,
      ...(part === 0 && schema ? { schema } : {}),
      part,
      parts,
      added: added.slice(from, to),
      removed: change.removed.slice(from, to),
    });
  }
  return operationId!;
}

export function sum(segments: readonly SegmentRef[], count: 'rowCount' | 'byteCount'): number {
  let total = 0;
  for (const segment of segments) total += segment[count];
  return total;
}

/** Rows and bytes of the segments that are taken out. */
export function countRemoved(parent: readonly SegmentRef[] | undefined, removed: readonly string[]) {
  const byId = new Map(removed.length > 0 ? parent?.map((segment) => [segment.id, segment]) : []);
  const segments = removed.flatMap((id) => byId.get(id) ?? []);
  return { rowCount: sum(segments, 'rowCount'), byteCount: sum(segments, 'byteCount') };
}

/** Only what a reference says, and no bound that JSON cannot carry: without a bound nothing is pruned, so nothing is lost. */
function storedSegment({ id, rowCount, byteCount, columns }: SegmentRef): SegmentRef {
  if (
    id === '' ||
    !id.isWellFormed() ||
    ![rowCount, byteCount].every((count) => Number.isSafeInteger(count) && count >= 0)
  ) {
    throw new GranaryError('INPUT_INVALID', `The segment ${JSON.stringify(id)} has no usable id or counts.`);
  }
  return { id, rowCount, byteCount, columns: columns.map(storedSummary) };
}

const isStorable = (value: StatisticsValue | undefined): value is StatisticsValue =>
  value !== undefined && (typeof value !== 'number' || Number.isFinite(value));

const storedSummary = ({ min, max, nullCount }: ColumnSummary): ColumnSummary => ({
  ...(isStorable(min) ? { min } : {}),
  ...(isStorable(max) ? { max } : {}),
  nullCount,
});
