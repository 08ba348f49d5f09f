import { DataType, type RecordBatch } from 'apache-arrow';
import { decodeChunk, readSegmentHeader, type SegmentHeader, verifySegment } from '#core/columnar/index.ts';
import {
  type AbortOptions,
  GranaryError,
  isGranaryError,
  type SegmentHash,
  throwIfAborted,
} from '#core/kernel/index.ts';
import type { ByteSource, FileSystem } from '#core/platform/ports.ts';
import type { ColumnSummary, ScanRequest, SegmentFault, SegmentRef, WriteTarget } from '../ports.ts';
import { plainBatch } from './plain-batch.ts';
import { batchOf, columnIndex, projectSchema } from './project-batch.ts';
import { mayMatch, mergeSummaries } from './segment-summary.ts';

/** A segment file and what it belongs to. */
export interface SegmentFile {
  readonly path: string;
  readonly target: WriteTarget;
  readonly segment: SegmentRef;
}

/** What the catalog keeps of each column, from the statistics of the row groups. */
export const summariseSegment = (header: SegmentHeader): ColumnSummary[] =>
  header.schema.fields.map((field, i) =>
    mergeSummaries(
      field.type,
      header.rowGroups.map(({ rowCount, chunks }) => ({ rowCount, ...chunks[i]!.statistics })),
    ),
  );

/**
 * Yields the wanted columns of the row groups that the filters do not exclude, reading nothing else of the file.
 * Errors: `SEGMENT_MISSING`; `SEGMENT_CORRUPT` naming asset, segment, column and row group.
 */
export async function* scanSegmentFile(
  files: FileSystem,
  file: SegmentFile,
  request: ScanRequest,
  { signal }: AbortOptions,
): AsyncGenerator<RecordBatch> {
  const source = await openSegment(files, file);
  try {
    const header = await naming(file, () => readSegmentHeader(source));
    const schema = projectSchema(header.schema, request.columns);
    const indexes = request.columns.map((name) => columnIndex(header.schema, name));
    for (const [rowGroup, group] of header.rowGroups.entries()) {
      if (!isNeeded(header, rowGroup, request)) continue;
      const columns = [];
      for (const index of indexes) {
        throwIfAborted(signal);
        const { offset, byteCount } = group.chunks[index]!;
        const unit = await source.read(offset, byteCount);
        columns.push(await naming(file, async () => decodeChunk(header, rowGroup, index, unit)));
      }
      yield plainBatch(batchOf(schema, group.rowCount, columns));
    }
  } finally {
    await source.close();
  }
}

function isNeeded({ schema, rowGroups }: SegmentHeader, rowGroup: number, { filters }: ScanRequest): boolean {
  const { rowCount, chunks } = rowGroups[rowGroup]!;
  return filters.every((filter) => {
    const index = schema.fields.findIndex(({ name }) => name === filter.column);
    if (index < 0) return true;
    return mayMatch(filter, schema.fields[index]!.type as DataType, { rowCount, ...chunks[index]!.statistics });
  });
}

/** Re-reads every byte: the hash of the file, and every chunk against its checksum. */
export async function* verifySegmentFile(
  files: FileSystem,
  file: SegmentFile,
  options: AbortOptions,
): AsyncGenerator<SegmentFault> {
  const segmentId = file.segment.id;
  let source: ByteSource;
  try {
    source = await openSegment(files, file);
  } catch (error) {
    if (!isGranaryError(error, 'SEGMENT_MISSING')) throw error;
    yield { segmentId, code: 'SEGMENT_MISSING', message: error.message };
    return;
  }
  try {
    for await (const fault of verifySegment(source, segmentId as SegmentHash, options)) yield { segmentId, ...fault };
  } finally {
    await source.close();
  }
}

async function openSegment(files: FileSystem, { path, target, segment }: SegmentFile): Promise<ByteSource> {
  try {
    return await files.open(path);
  } catch (error) {
    if (!isGranaryError(error, 'FILE_NOT_FOUND')) throw error;
    throw new GranaryError(
      'SEGMENT_MISSING',
      `The segment ${segment.id} of the asset ${JSON.stringify(target.assetName)} is not at ${JSON.stringify(path)}. ` +
        'Restore the file from a backup.',
      { asset: target.assetName, segment: segment.id, path },
      { cause: error },
    );
  }
}

/** What is wrong with a segment, with the names of the asset and of the segment. */
async function naming<T>({ target, segment, path }: SegmentFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isDamaged = isGranaryError(error, 'SEGMENT_CORRUPT') || isGranaryError(error, 'FORMAT_INVALID');
    if (!isDamaged) throw error;
    throw new GranaryError(
      'SEGMENT_CORRUPT',
      `The segment ${segment.id} of the asset ${JSON.stringify(target.assetName)} is damaged: ${error.message} ` +
        `Restore the file ${JSON.stringify(path)} from a backup.`,
      { ...error.details, asset: target.assetName, segment: segment.id },
      { cause: error },
    );
  }
}
