import type { Data } from 'apache-arrow';
import { type AbortOptions, GranaryError, isGranaryError } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { decodeChunk, type DecodeOptions } from './decode-chunk.ts';
import { readSegmentHeader } from './parse-segment-header.ts';
import { type LostChunk, recoverSegment } from './recover-segment.ts';
import type { SegmentHeader } from './segment-header.ts';

/** A segment that is read piece by piece. */
export interface OpenSegment {
  readonly header: SegmentHeader;
  /** False when the file was remuxed or cut off: its chunks were looked for rather than found where the header says. */
  readonly asWritten: boolean;
  /** Chunks that are gone; none when the file is as it was written. */
  readonly lost: readonly LostChunk[];
  /** The bytes of a chunk's temporal unit, in one read. Errors: `SEGMENT_CORRUPT` when lost, `IO_FAILED`, `CANCELLED`. */
  readUnit(rowGroup: number, column: number, options?: AbortOptions): Promise<Uint8Array>;
  /** One column of one row group. Errors: those of `readUnit` and `decodeChunk`. */
  readChunk(rowGroup: number, column: number, options?: DecodeOptions & AbortOptions): Promise<Data>;
}

/**
 * Opens a segment anywhere: a file, a blob, a range of a web server. Reads its header and then, on demand, exactly the
 * bytes of one chunk. A file that was remuxed still gives its values; see {@link recoverSegment}. The source stays the
 * caller's to close. Errors: `FORMAT_INVALID`, `FORMAT_VERSION`, `LIMIT_EXCEEDED`, `IO_FAILED`, `CANCELLED`.
 */
export async function openSegment(source: ByteSource, options: AbortOptions = {}): Promise<OpenSegment> {
  const { header, lost, asWritten } = await locate(source, options);
  const gone = new Set(lost.map(({ rowGroup, column }) => `${rowGroup} ${column}`));
  async function readUnit(rowGroup: number, column: number, { signal }: AbortOptions = {}): Promise<Uint8Array> {
    const chunk = header.rowGroups[rowGroup]?.chunks[column];
    const field = header.schema.fields[column];
    if (!chunk || !field)
      throw new GranaryError('INPUT_INVALID', `The segment has no column ${column} in row group ${rowGroup}.`);
    if (gone.has(`${rowGroup} ${column}`))
      throw new GranaryError(
        'SEGMENT_CORRUPT',
        `Column "${field.name}" of row group ${rowGroup} is not in the file any more: it was lost when the file was remuxed or cut off.`,
        { column: field.name, rowGroup },
      );
    return source.read(chunk.offset, chunk.byteCount, { signal });
  }
  return {
    header,
    lost,
    asWritten,
    readUnit,
    async readChunk(rowGroup, column, options = {}) {
      return decodeChunk(header, rowGroup, column, await readUnit(rowGroup, column, options), options);
    },
  };
}

async function locate(
  source: ByteSource,
  options: AbortOptions,
): Promise<Pick<OpenSegment, 'header' | 'lost' | 'asWritten'>> {
  try {
    return { header: await readSegmentHeader(source, options), lost: [], asWritten: true };
  } catch (error) {
    if (!isGranaryError(error, 'FORMAT_INVALID')) throw error;
    return { ...(await recoverSegment(source, error, options)), asWritten: false };
  }
}
