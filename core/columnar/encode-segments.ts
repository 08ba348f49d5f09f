import type { RecordBatch, Schema } from 'apache-arrow';
import { type AbortOptions, GranaryError, type SegmentHash, throwIfAborted } from '#core/kernel/index.ts';
import { schemaToJson } from './arrow-json.ts';
import { checkLimits, type RowGroupOptions } from './encode-row-group.ts';
import { ROW_GROUP_ROWS, ROW_GROUP_ROWS_MAX, SEGMENT_BYTES, SEGMENT_ROWS, SINGLE_SEGMENT_BYTES_MAX } from './limits.ts';
import { rebatch, type RowGroupBatch } from './rebatch.ts';
import type { RowGroupEncoder } from './row-group-encoder.ts';
import type { EncodedRowGroup, SegmentHeader } from './segment-header.ts';
import { writeSegment } from './webm/write-segment.ts';

/** A whole segment file. */
export interface EncodedSegment {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** BLAKE3-256 of the bytes. */
  readonly hash: SegmentHash;
  readonly header: SegmentHeader;
}

export interface EncodeSegmentsOptions extends AbortOptions, RowGroupOptions {
  readonly encoder: RowGroupEncoder;
  /** Rows of a row group, 1 to `ROW_GROUP_ROWS_MAX`; `ROW_GROUP_ROWS` when left out. */
  readonly rowGroupRows?: number | undefined;
  /** All rows in one segment, for a file that leaves the node; up to `SINGLE_SEGMENT_BYTES_MAX`. */
  readonly single?: boolean | undefined;
}

/** BLAKE3-256 of bytes. */
export type HashSegment = (bytes: Uint8Array, options?: AbortOptions) => Promise<SegmentHash>;

/**
 * The rows of the batches as segment files, in order; one segment without rows when there are none. A segment ends after
 * `SEGMENT_ROWS` rows or `SEGMENT_BYTES` bytes, unless `single` is asked for. At most `threadCount + 1` row groups are encoded at a time, so that
 * memory is bounded and no thread waits for the source. Stopping early cancels what is under way. Errors: those of
 * `encodeRowGroup`, `SCHEMA_MISMATCH`, `LIMIT_EXCEEDED`, `CANCELLED`.
 */
export async function* encodeSegments(
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
  options: EncodeSegmentsOptions & { readonly hashSegment: HashSegment },
): AsyncGenerator<EncodedSegment> {
  const { encoder, hashSegment, rowGroupRows = ROW_GROUP_ROWS, single = false } = options;
  if (!Number.isInteger(rowGroupRows) || rowGroupRows < 1 || rowGroupRows > ROW_GROUP_ROWS_MAX) {
    throw new GranaryError('INPUT_INVALID', `A row group has 1 to ${ROW_GROUP_ROWS_MAX} rows, not ${rowGroupRows}.`);
  }
  checkLimits(schema.fields.length, 0);
  schemaToJson(schema);
  let groups: EncodedRowGroup[] = [];
  let rows = 0;
  let byteCount = 0;
  let segmentCount = 0;
  const finish = async (): Promise<EncodedSegment> => {
    const { bytes, header } = writeSegment(schema, groups);
    groups = [];
    rows = 0;
    byteCount = 0;
    segmentCount += 1;
    return { bytes, hash: await hashSegment(bytes, { signal: options.signal }), header };
  };
  for await (const group of encodeRowGroups(rebatch(schema, batches, rowGroupRows), encoder, options)) {
    groups.push(group);
    rows += group.rowCount;
    byteCount += group.chunks.reduce((sum, chunk) => sum + chunk.byteCount, 0);
    if (single) assertFitsMemory(byteCount);
    else if (rows + rowGroupRows > SEGMENT_ROWS || byteCount >= SEGMENT_BYTES) yield await finish();
  }
  if (groups.length > 0 || segmentCount === 0) yield await finish();
}

function assertFitsMemory(byteCount: number): void {
  if (byteCount <= SINGLE_SEGMENT_BYTES_MAX) return;
  throw new GranaryError(
    'LIMIT_EXCEEDED',
    `The rows take more than ${SINGLE_SEGMENT_BYTES_MAX} bytes in one WebM file. Choose parquet or arrow, which are written piece by piece.`,
    { limit: SINGLE_SEGMENT_BYTES_MAX },
  );
}

/** The encoded row groups in order, several under way at once. */
async function* encodeRowGroups(
  batches: AsyncIterable<RowGroupBatch>,
  encoder: RowGroupEncoder,
  { signal: outer, bounded }: AbortOptions & RowGroupOptions,
): AsyncGenerator<EncodedRowGroup> {
  const stop = new AbortController();
  const signal = outer ? AbortSignal.any([outer, stop.signal]) : stop.signal;
  const pending: Promise<EncodedRowGroup>[] = [];
  try {
    for await (const { batch, owned } of batches) {
      throwIfAborted(outer);
      const work = encoder.encode(batch, { signal, owned, bounded });
      // Awaited in order below; one that fails early must not count as unhandled until its turn comes.
      work.catch(() => undefined);
      pending.push(work);
      if (pending.length > encoder.threadCount) yield await pending.shift()!;
    }
    while (pending.length > 0) yield await pending.shift()!;
  } finally {
    stop.abort();
    await Promise.allSettled(pending);
  }
}
