import { type AbortOptions, isGranaryError, type SegmentHash, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { decodeChunk } from './decode-chunk.ts';
import { readSegmentHeader } from './parse-segment-header.ts';
import type { CreateSegmentHasher } from './segment-hasher.ts';
import type { SegmentHeader } from './segment-header.ts';

/** Something in a segment that does not match. Without `column`: the file as a whole, or its header. */
export interface ChunkFault {
  readonly code: 'SEGMENT_CORRUPT';
  readonly column?: string;
  /** Index of the row group within the segment. */
  readonly rowGroup?: number;
  readonly message: string;
}

/** Bytes hashed per read. */
const READ_BYTES = 2 ** 20;

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    byteCount: bytes.length,
    read: async (offset, byteCount) => bytes.subarray(offset, offset + byteCount),
    close: async () => undefined,
  };
}

/**
 * Re-reads every byte of a segment: compares the hash of the file, decodes every chunk and compares its checksum.
 * Yields what does not match; nothing when all is well. Errors: `IO_FAILED`, `CANCELLED`, `FORMAT_VERSION`.
 */
export async function* verifySegment(
  segment: Uint8Array | ByteSource,
  hash: SegmentHash,
  { signal, createHasher }: AbortOptions & { readonly createHasher: CreateSegmentHasher },
): AsyncGenerator<ChunkFault> {
  const source = segment instanceof Uint8Array ? bytesSource(segment) : segment;
  const hasher = await createHasher();
  for (let offset = 0; offset < source.byteCount; offset += READ_BYTES) {
    throwIfAborted(signal);
    hasher.update(await source.read(offset, Math.min(READ_BYTES, source.byteCount - offset)));
  }
  const intact = hasher.digest() === hash;
  if (!intact) yield { code: 'SEGMENT_CORRUPT', message: 'The bytes of the segment do not match its hash.' };
  let header: SegmentHeader;
  try {
    header = await readSegmentHeader(source);
  } catch (error) {
    const damaged = isGranaryError(error, 'FORMAT_INVALID') || isGranaryError(error, 'LIMIT_EXCEEDED');
    if (!damaged && (intact || !isGranaryError(error, 'FORMAT_VERSION'))) throw error;
    yield { code: 'SEGMENT_CORRUPT', message: `The header cannot be read: ${(error as Error).message}` };
    return;
  }
  for (const [rowGroup, group] of header.rowGroups.entries()) {
    for (const [column, chunk] of group.chunks.entries()) {
      throwIfAborted(signal);
      try {
        decodeChunk(header, rowGroup, column, await source.read(chunk.offset, chunk.byteCount));
      } catch (error) {
        if (!isGranaryError(error, 'SEGMENT_CORRUPT')) throw error;
        yield { code: 'SEGMENT_CORRUPT', column: header.schema.fields[column]!.name, rowGroup, message: error.message };
      }
    }
  }
}
