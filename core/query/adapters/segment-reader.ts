import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Schema } from 'apache-arrow';
import {
  type ChunkHeader,
  type DecodeMemory,
  decodeChunk,
  type FieldJson,
  fieldFromJson,
  parseSegmentHeader,
  type SegmentHeader,
} from '#core/columnar/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import { type ScanColumn, toScanColumn } from './scan-column.ts';

/** Enough for the header of most segments in one read. */
const FIRST_READ_BYTES = 2 ** 16;

/** Headers kept parsed: warm queries visit the same segments again. */
export const SEGMENT_HEADERS_MAX = 1024;

/** A segment file and the asset it belongs to. */
export interface SegmentFile {
  readonly segmentId: string;
  readonly path: string;
  readonly assetName: string;
}

/** A chunk of a segment that a scan wants decoded, with all that is needed to do it. Plain data. */
export interface ChunkTask extends SegmentFile {
  readonly rowGroup: number;
  /** Index in the schema of the segment. */
  readonly column: number;
  readonly field: FieldJson;
  /** Of the row group. */
  readonly rowCount: number;
  readonly chunk: ChunkHeader;
}

/** Reads headers of segment files, and keeps them. Synchronous, as the engine calls back synchronously. */
export type ReadHeader = (file: SegmentFile) => SegmentHeader;

export function createHeaderReader(): ReadHeader {
  const headers = new Map<string, SegmentHeader>();
  return (segment) => {
    const known = headers.get(segment.segmentId);
    if (known) return known;
    const parsed = withFile(segment, (file) => {
      const byteCount = fstatSync(file).size;
      for (let count = Math.min(FIRST_READ_BYTES, byteCount); ;) {
        const result = parseSegmentHeader(readRange(file, 0, count, segment), byteCount);
        if (!('needByteCount' in result)) return result;
        if (result.needByteCount <= count) throw corrupt(segment, 'it ends within its header.');
        count = Math.min(Math.max(result.needByteCount, count * 2), byteCount);
      }
    });
    if (headers.size >= SEGMENT_HEADERS_MAX) headers.delete(headers.keys().next().value!);
    headers.set(segment.segmentId, parsed);
    return parsed;
  };
}

/**
 * Reads and decodes one chunk. Errors: `SEGMENT_MISSING`, `SEGMENT_CORRUPT` naming asset, column and row group.
 *
 * @param memory takes the bytes and the values; memory of their own when left out
 */
export function decodeTask(task: ChunkTask, memory?: DecodeMemory): ScanColumn {
  const { rowGroup, column, rowCount, chunk, field } = task;
  const unit = withFile(task, (file) => readRange(file, chunk.offset, chunk.byteCount, task, memory));
  // The decoder looks at this one chunk of the header; the others are there to give it its place.
  const group = { rowCount, chunks: Array.from({ length: column + 1 }, () => chunk) };
  const header: SegmentHeader = {
    formatVersion: 1,
    schema: new Schema(Array.from({ length: column + 1 }, () => fieldFromJson(field))),
    rowCount,
    rowGroups: Array.from({ length: rowGroup + 1 }, () => group),
  };
  const data = withAsset(task, () => decodeChunk(header, rowGroup, column, unit, { dictionary: true, memory }));
  return toScanColumn(data, field.name);
}

const corrupt = ({ assetName, segmentId }: SegmentFile, why: string, details = {}, cause?: unknown): GranaryError =>
  new GranaryError(
    'SEGMENT_CORRUPT',
    `Segment ${segmentId} of asset "${assetName}" is damaged: ${why}`,
    { asset: assetName, segment: segmentId, ...details },
    { cause },
  );

/** Errors: `SEGMENT_MISSING`, `SEGMENT_CORRUPT` for a file that is no segment. */
function withFile<T>(task: SegmentFile, use: (file: number) => T): T {
  let file: number;
  try {
    file = openSync(task.path, 'r');
  } catch (cause) {
    const { assetName, segmentId } = task;
    const message = `Segment ${segmentId} of asset "${assetName}" cannot be opened. Restore the file from a backup.`;
    throw new GranaryError('SEGMENT_MISSING', message, { asset: assetName, segment: segmentId }, { cause });
  }
  try {
    return withAsset(task, () => use(file));
  } finally {
    closeSync(file);
  }
}

/** Says of which asset the damage is. */
function withAsset<T>(task: SegmentFile, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof GranaryError) || 'asset' in error.details) throw error;
    if (error.code === 'FORMAT_INVALID' || error.code === 'SEGMENT_CORRUPT') {
      throw corrupt(task, error.message, error.details, error);
    }
    throw error;
  }
}

function readRange(
  file: number,
  offset: number,
  byteCount: number,
  task: SegmentFile,
  memory?: DecodeMemory,
): Uint8Array {
  const bytes = memory?.bytes(byteCount) ?? new Uint8Array(byteCount);
  for (let done = 0; done < byteCount;) {
    const count = readSync(file, bytes, done, byteCount - done, offset + done);
    if (count === 0) throw corrupt(task, `it ends before byte ${offset + byteCount}.`);
    done += count;
  }
  return bytes;
}
