import type { AuditLog } from '#core/audit/index.ts';
import { assertSegmentsHere, type Catalog, type RowStore, type StorageFormat } from '#core/catalog/index.ts';
import type { OperationContext } from '#core/kernel/index.ts';
import type { RecordBatch, Schema } from 'apache-arrow';
import { formatRows } from './format-rows.ts';
import type { ExportInput, ExportOutput } from './operations.ts';

export interface ExportDeps {
  readonly catalog: Catalog;
  readonly stores: Readonly<Record<StorageFormat, RowStore>>;
  readonly auditLog: AuditLog;
  /** The rows as one Parquet file with zstd, in chunks. */
  readonly writeParquet: (
    schema: Schema,
    batches: AsyncIterable<RecordBatch>,
    options: { readonly signal: AbortSignal },
  ) => AsyncIterable<Uint8Array>;
  /** The rows as one WebM file. */
  readonly writeWebm: ExportDeps['writeParquet'];
}

/** Writes the rows of the current version as one file. Errors: `ASSET_NOT_FOUND`, `SEGMENT_MISSING`, those
 * of the store and the writer. */
export async function exportAsset(
  deps: ExportDeps,
  { name, format }: ExportInput,
  { caller, signal, report, write }: OperationContext,
): Promise<ExportOutput> {
  const { catalog, stores, auditLog } = deps;
  const asset = await catalog.getAsset(name);
  const { id, version, schema, storageFormat } = asset;
  const segments = await catalog.getManifest(id, version, { signal });
  assertSegmentsHere(asset.name, segments);
  const entry = { actor: caller, assetId: id, assetName: asset.name, action: 'READ' as const };
  await auditLog.record([{ ...entry, outcome: 'allowed', detail: { version, operation: 'export', format } }]);
  const request = { columns: schema.fields.map((field) => field.name), filters: [] };
  const target = { assetId: id, assetName: asset.name, schema };
  const { rowCount: total } = asset;
  let rowCount = 0;
  async function* counted(): AsyncGenerator<RecordBatch> {
    for await (const batch of stores[storageFormat].scan(target, segments, request, { signal })) {
      rowCount += batch.numRows;
      yield batch;
      report({ stage: 'exporting', subject: asset.name, done: rowCount, total, unit: 'rows' });
    }
  }
  for await (const chunk of fileOf(deps, format, schema, counted(), signal)) await write(chunk);
  return { rowCount };
}

function fileOf(
  { writeParquet, writeWebm }: ExportDeps,
  format: ExportInput['format'],
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  if (format === 'parquet') return writeParquet(schema, batches, { signal });
  if (format === 'webm') return writeWebm(schema, batches, { signal });
  return formatRows(format, schema, batches);
}
