import type { DataType } from 'apache-arrow';
import {
  type ChunkHeader,
  type FieldJson,
  fieldToJson,
  ROW_GROUP_ROWS,
  type SegmentHeader,
} from '#core/columnar/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import type { ScanPlan } from '../plan-scan.ts';
import { engineTypeOf } from './duckdb-types.ts';
import type { AssetDescription } from './query-messages.ts';
import type { ChunkTask, ReadHeader } from './segment-reader.ts';

/** What the scan of one asset did. */
export interface ScanCounts {
  rowGroups: number;
  rowGroupsSkipped: number;
  bytesRead: number;
  chunksCached: number;
  decodeMilliseconds: number;
}

export const noCounts = (): ScanCounts => ({
  rowGroups: 0,
  rowGroupsSkipped: 0,
  bytesRead: 0,
  chunksCached: 0,
  decodeMilliseconds: 0,
});

/** One row group that the plan needs. */
export interface WantedRowGroup {
  readonly assetName: string;
  readonly segmentId: string;
  readonly path: string;
  readonly rowGroup: number;
  readonly rowCount: number;
  readonly chunks: readonly ChunkHeader[];
  /** Columns of the segment. */
  readonly fields: readonly FieldJson[];
}

/** The order to decode one of its columns. */
export const chunkTask = (
  { assetName, segmentId, path, rowGroup, rowCount, chunks, fields }: WantedRowGroup,
  column: number,
): ChunkTask => ({
  assetName,
  segmentId,
  path,
  rowGroup,
  rowCount,
  column,
  field: fields[column]!,
  chunk: chunks[column]!,
});

/** What stands in the way of reading the segment as rows of the asset; undefined when nothing does. */
function misfit(segment: SegmentHeader, asset: AssetDescription): string | undefined {
  const { fields } = segment.schema;
  if (fields.length !== asset.schema.fields.length) return `it has ${fields.length} columns.`;
  const other = fields.find(
    (field, i) =>
      engineTypeOf(field.type as DataType).sql !== engineTypeOf(asset.schema.fields[i]!.type as DataType).sql,
  );
  return other && `its column "${other.name}" has the type ${other.type}.`;
}

/**
 * The row groups that the plan needs, in order: reads the headers of the segments that the manifest does not exclude.
 * Errors: `SEGMENT_MISSING`, `SEGMENT_CORRUPT`, `CANCELLED`.
 */
export function wantedRowGroups(
  readHeader: ReadHeader,
  asset: AssetDescription,
  plan: ScanPlan,
  counts: ScanCounts,
  isCancelled: () => boolean,
): WantedRowGroup[] {
  const wanted: WantedRowGroup[] = [];
  for (const { id: segmentId, path, rowCount: segmentRows, columns: summaries } of asset.segments) {
    if (isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
    if (!plan.needs({ rowCount: segmentRows, columns: summaries })) {
      // Its header stays unread; this is how many row groups it has as a rule.
      const rowGroups = Math.ceil(segmentRows / ROW_GROUP_ROWS);
      counts.rowGroups += rowGroups;
      counts.rowGroupsSkipped += rowGroups;
      continue;
    }
    const header = readHeader({ segmentId, path, assetName: asset.name });
    const fault = misfit(header, asset);
    if (fault !== undefined) {
      const message = `Segment ${segmentId} does not hold rows of asset "${asset.name}": ${fault}`;
      throw new GranaryError('SEGMENT_CORRUPT', message, { asset: asset.name, segment: segmentId });
    }
    const fields = header.schema.fields.map(fieldToJson);
    for (const [rowGroup, { rowCount, chunks }] of header.rowGroups.entries()) {
      counts.rowGroups += 1;
      if (plan.needs({ rowCount, columns: chunks.map((chunk) => chunk.statistics) })) {
        wanted.push({ assetName: asset.name, segmentId, path, rowGroup, rowCount, chunks, fields });
      } else counts.rowGroupsSkipped += 1;
    }
  }
  return wanted;
}
