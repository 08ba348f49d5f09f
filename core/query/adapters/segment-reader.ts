import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { decodeChunk, parseSegmentHeader, type SegmentHeader } from '#core/columnar/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import { type ScanColumn, toScanColumn } from './scan-column.ts';

/** Enough for the header of most segments in one read. */
const FIRST_READ_BYTES = 2 ** 16;

/** Headers kept parsed in each thread: a scan visits one segment after another, and warm queries visit them again. */
export const SEGMENT_HEADERS_MAX = 1024;

/** A chunk of a segment that a scan wants decoded. */
export interface ChunkTask {
  readonly segmentId: string;
  readonly path: string;
  readonly assetName: string;
  readonly rowGroup: number;
  /** Index in the schema of the segment. */
  readonly column: number;
}

/** Reads headers and chunks of segment files, synchronously: it runs in threads that have nothing else to do. */
export interface SegmentReader {
  header(task: Pick<ChunkTask, 'segmentId' | 'path' | 'assetName'>): SegmentHeader;
  decode(task: ChunkTask): ScanColumn;
}

export function createSegmentReader(): SegmentReader {
  const headers = new Map<string, SegmentHeader>();

  const header: SegmentReader['header'] = (task) => {
    const known = headers.get(task.segmentId);
    if (known) return known;
    const parsed = withFile(task, (file) => {
      const byteCount = fstatSync(file).size;
      for (let count = Math.min(FIRST_READ_BYTES, byteCount); ;) {
        const result = parseSegmentHeader(readRange(file, 0, count, task), byteCount);
        if (!('needByteCount' in result)) return result;
        if (result.needByteCount <= count) throw corrupt(task, 'it ends within its header.');
        count = Math.min(Math.max(result.needByteCount, count * 2), byteCount);
      }
    });
    if (headers.size >= SEGMENT_HEADERS_MAX) headers.delete(headers.keys().next().value!);
    headers.set(task.segmentId, parsed);
    return parsed;
  };

  return {
    header,
    decode(task) {
      const segment = header(task);
      const chunk = segment.rowGroups[task.rowGroup]?.chunks[task.column];
      if (!chunk) throw corrupt(task, `it has no column ${task.column} in row group ${task.rowGroup}.`);
      const unit = withFile(task, (file) => readRange(file, chunk.offset, chunk.byteCount, task));
      const data = withAsset(task, () => decodeChunk(segment, task.rowGroup, task.column, unit, { dictionary: true }));
      return toScanColumn(data, segment.schema.fields[task.column]!.name);
    },
  };
}

type FileTask = Pick<ChunkTask, 'segmentId' | 'path' | 'assetName'>;

const corrupt = ({ assetName, segmentId }: FileTask, why: string, details = {}, cause?: unknown): GranaryError =>
  new GranaryError(
    'SEGMENT_CORRUPT',
    `Segment ${segmentId} of asset "${assetName}" is damaged: ${why}`,
    { asset: assetName, segment: segmentId, ...details },
    { cause },
  );

/** Errors: `SEGMENT_MISSING`, `SEGMENT_CORRUPT` for a file that is no segment. */
function withFile<T>(task: FileTask, use: (file: number) => T): T {
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
function withAsset<T>(task: FileTask, work: () => T): T {
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

function readRange(file: number, offset: number, byteCount: number, task: FileTask): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  for (let done = 0; done < byteCount;) {
    const count = readSync(file, bytes, done, byteCount - done, offset + done);
    if (count === 0) throw corrupt(task, `it ends before byte ${offset + byteCount}.`);
    done += count;
  }
  return bytes;
}
