import type { ByteSource } from '#core/platform/ports.ts';
import { type AbortOptions, concatBytes, GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import { SEGMENT_HEADER_BYTES_MAX } from './limits.ts';
import type { SegmentHeader } from './segment-header.ts';
import { EBML, PREFIX_BYTES_MAX, readChildren, readPrefix } from './webm/ebml.ts';
import { headerFromTags, type Tags } from './webm/header-json.ts';
import { readTags, readText } from './webm/read-tags.ts';

const invalid = (message: string) => new GranaryError('FORMAT_INVALID', message);

/**
 * The header of a segment from the first bytes of its file, or how many bytes are needed to get further. Pure. Errors:
 * `FORMAT_INVALID` (not a segment, damaged, or cut off), `FORMAT_VERSION`, `LIMIT_EXCEEDED`.
 *
 * @param prefix bytes of the file from its start, as many as there are at hand
 * @param byteCount of the whole file
 */
export function parseSegmentHeader(prefix: Uint8Array, byteCount: number): SegmentHeader | { needByteCount: number } {
  const need = (count: number) => {
    if (count > SEGMENT_HEADER_BYTES_MAX) {
      throw new GranaryError('LIMIT_EXCEEDED', `The header is larger than ${SEGMENT_HEADER_BYTES_MAX} bytes.`, {
        limit: SEGMENT_HEADER_BYTES_MAX,
      });
    }
    return { needByteCount: Math.min(count, byteCount) };
  };
  const known = (at: number) => at + PREFIX_BYTES_MAX <= prefix.length || prefix.length >= byteCount;
  if (!known(0)) return need(PREFIX_BYTES_MAX);
  const ebml = readPrefix(prefix, 0);
  if (ebml.id !== EBML.header) throw invalid('The file is not a WebM file.');
  if (!known(ebml.end)) return need(ebml.end + PREFIX_BYTES_MAX);
  checkDocType(prefix, ebml);
  const segment = readPrefix(prefix, ebml.end);
  if (segment.id !== EBML.segment) throw invalid('The file is not a WebM file.');
  if (segment.end > byteCount) throw invalid(`The file ends early: ${byteCount} bytes instead of ${segment.end}.`);
  if (segment.end < byteCount) throw invalid('The file goes on after its end.');
  let tags: Tags | undefined;
  for (let at = segment.start; at < segment.end;) {
    if (!known(at)) return need(at + PREFIX_BYTES_MAX);
    const element = readPrefix(prefix, at);
    if (element.end > segment.end) throw invalid('An element reaches over the end of the file.');
    if (element.id === EBML.cluster) return headerFromTags(tags ?? [], at, byteCount);
    if (element.id === EBML.tags) {
      if (element.end > prefix.length) return need(element.end + PREFIX_BYTES_MAX);
      tags = readTags(prefix, element);
    }
    at = element.end;
  }
  return headerFromTags(tags ?? [], segment.end, byteCount);
}

function checkDocType(bytes: Uint8Array, header: { start: number; end: number }): void {
  for (const child of readChildren(bytes, header)) {
    if (child.id === EBML.docType && readText(bytes, child) === 'webm') return;
  }
  throw invalid('The file is not a WebM file.');
}

/** Enough for the header of most small segments in one read, and little beside one chunk of a large one. */
const FIRST_READ_BYTES = 16 * 1024;

/**
 * Reads the header of a segment file and little more: at most the greater of 16 KiB and twice the header. Errors: those
 * of {@link parseSegmentHeader}, `IO_FAILED`, `CANCELLED`.
 */
export async function readSegmentHeader(source: ByteSource, { signal }: AbortOptions = {}): Promise<SegmentHeader> {
  let prefix = await source.read(0, Math.min(FIRST_READ_BYTES, source.byteCount), { signal });
  for (;;) {
    throwIfAborted(signal);
    const result = parseSegmentHeader(prefix, source.byteCount);
    if (!('needByteCount' in result)) return result;
    if (result.needByteCount <= prefix.length) throw invalid('The file ends early.');
    // Doubling keeps the number of reads small whatever the header says of its elements.
    const end = Math.min(Math.max(result.needByteCount, prefix.length * 2), source.byteCount);
    prefix = concatBytes([prefix, await source.read(prefix.length, end - prefix.length, { signal })]);
  }
}
