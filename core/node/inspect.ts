import type { RecordBatch, Schema } from 'apache-arrow';
import type { RowStore, StorageFormat } from '#core/catalog/index.ts';
import { type ColumnInspection, inspectSegment, readSegmentHeader } from '#core/columnar/index.ts';
import { bytesSource } from '#core/columnar/index.ts';
import { concatBytes, GranaryError, type OperationContext } from '#core/kernel/index.ts';
import type { InspectOutput } from './operations.ts';
import { findSegments, readSegmentHeaders, type SegmentHeadersDeps } from './segment-headers.ts';

/** A file that is inspected is held in memory; a segment is smaller than this by far. */
export const INSPECT_FILE_BYTES_MAX = 2 ** 30;

export interface InspectDeps extends SegmentHeadersDeps {
  readonly stores: Readonly<Record<StorageFormat, RowStore>>;
  /** Bytes of each column when the rows are written as Parquet with zstd. */
  readonly parquetBaseline: (
    schema: Schema,
    batches: AsyncIterable<RecordBatch>,
    options: { readonly signal: AbortSignal },
  ) => Promise<readonly number[]>;
}

/** How each column of the asset's current version is stored. Errors: `ASSET_NOT_FOUND`, `UNSUPPORTED` for EDGE. */
export async function inspectAsset(deps: InspectDeps, name: string, context: OperationContext): Promise<InspectOutput> {
  const { signal } = context;
  const { asset, segments } = await findSegments(deps, name, context);
  const headers = await readSegmentHeaders(deps, { asset, segments }, context);
  const columns = headers.map((header) => inspectSegment(header).columns);
  const target = { assetId: asset.id, assetName: asset.name, schema: asset.schema };
  const names = asset.schema.fields.map((field) => field.name);
  const rows = deps.stores.WEBM_COLUMNAR.scan(target, segments, { columns: names, filters: [] }, { signal });
  const parquetBytes = asset.rowCount === 0 ? [] : await deps.parquetBaseline(asset.schema, rows, { signal });
  return {
    name: asset.name,
    rowCount: asset.rowCount,
    segmentCount: segments.length,
    byteCount: asset.byteCount,
    columns: names.map((_, index) => {
      const parts = columns.map((segment) => segment[index]!);
      const bytes = parquetBytes[index];
      return describeColumn(parts, bytes === undefined ? [] : [{ name: 'Parquet-zstd', byteCount: bytes }]);
    }),
  };
}

/** The same for one segment file that comes with the call. Errors: `FORMAT_INVALID`, `LIMIT_EXCEEDED`. */
export async function inspectFile(context: OperationContext): Promise<InspectOutput> {
  const { name, bytes } = await readInspectedFile(context);
  const inspection = inspectSegment(await readSegmentHeader(bytesSource(bytes)));
  return {
    name,
    rowCount: inspection.rowCount,
    segmentCount: 1,
    byteCount: bytes.length,
    columns: inspection.columns.map((column) => describeColumn([column], [])),
  };
}

/** The file that comes with the call, whole. Errors: `INPUT_INVALID` without one, `LIMIT_EXCEEDED`. */
export async function readInspectedFile({
  files,
}: OperationContext): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  for await (const file of files) {
    const chunks: Uint8Array[] = [];
    let byteCount = 0;
    for await (const chunk of file.read()) {
      byteCount += chunk.length;
      if (byteCount > INSPECT_FILE_BYTES_MAX) {
        throw new GranaryError('LIMIT_EXCEEDED', `${file.name} is over the limit of ${INSPECT_FILE_BYTES_MAX} bytes.`);
      }
      chunks.push(chunk);
    }
    return { name: file.name, bytes: concatBytes(chunks) };
  }
  throw new GranaryError('INPUT_INVALID', 'No file came with the call.');
}

/** Details are whatever a file says: only what has the right form is told. */
const consideredOf = (value: unknown): (string | number)[] =>
  Array.isArray(value) ? value.filter((part) => typeof part === 'string' || typeof part === 'number') : [];

/** One column over all of its segments: every way it is stored, in order of first use, and the most bins of any. */
function describeColumn(
  parts: readonly ColumnInspection[],
  baselines: InspectOutput['columns'][number]['baselines'],
): InspectOutput['columns'][number] {
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0);
  const byteCount = parts.reduce((sum, part) => sum + part.byteCount, 0);
  const encodings = parts.flatMap(({ rowGroups }) => rowGroups.map(({ encoding }) => encoding));
  const ways = new Set(encodings.map(({ mapping, method }) => (mapping === 'none' ? method : `${mapping}, ${method}`)));
  const bins = encodings.map((encoding) => encoding['bins']).map((bins) => (Array.isArray(bins) ? bins.length : null));
  const known = bins.filter((count) => count !== null);
  return {
    name: parts[0]?.name ?? '',
    type: parts[0]?.type ?? '',
    mapping: [...ways].join('; '),
    predictor: [...new Set(parts.flatMap(({ predictors }) => predictors))].join(', '),
    bins: known.length === 0 ? null : Math.max(...known),
    maxError: [...new Set(parts.flatMap(({ maxError }) => maxError ?? []))].join(', '),
    considered: consideredOf(encodings[0]?.['considered']),
    rowCount,
    byteCount,
    bitsPerValue: rowCount === 0 ? 0 : (8 * byteCount) / rowCount,
    baselines,
  };
}
