import { type AbortOptions, GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { SEGMENT_HEADER_BYTES_MAX } from '../limits.ts';
import { EBML, type ElementRange, PREFIX_BYTES_MAX, readChildren, readOpenPrefix, readSize } from './ebml.ts';
import type { Tags } from './header-json.ts';
import { readTags, readText } from './read-tags.ts';

/** A frame of a track as it lies in the file. */
export interface FoundBlock {
  readonly track: number;
  /** Nanoseconds from the start. */
  readonly time: number;
  /** Bytes of the file from its start, without the block's own header. */
  readonly offset: number;
  readonly byteCount: number;
}

export interface FoundTrack {
  readonly number: number;
  readonly name: string;
}

/** What a WebM or Matroska file of whatever muxer holds. */
export interface FoundFile {
  readonly tags: Tags;
  readonly tracks: readonly FoundTrack[];
  /** In the order of the file. */
  readonly blocks: readonly FoundBlock[];
}

/** Frames looked for in one file: a header of 64 MiB names hardly more chunks, and each takes memory. */
export const FOUND_BLOCKS_MAX = 2 ** 20;

/** Bytes read at once: most frames of small files are skipped without a read of their own. */
const WINDOW_BYTES = 64 * 1024;

const TIMESTAMP_SCALE_DEFAULT = 1_000_000;
const FLAGS_LACING = 0x06;

/** Elements that are entered rather than skipped; clusters may have an unknown size, so nesting is not followed. */
const ENTERED: ReadonlySet<number> = new Set([EBML.segment, EBML.cluster, EBML.blockGroup]);

/**
 * Walks over the elements of a file that is not as it was written, remuxed or cut off, and reports what it finds until
 * it ends or makes no sense any more. Errors: `FORMAT_INVALID` when it does not begin as Matroska does, `LIMIT_EXCEEDED`,
 * `IO_FAILED`, `CANCELLED`.
 */
export async function walkFile(source: ByteSource, { signal }: AbortOptions = {}): Promise<FoundFile> {
  const window = createWindow(source, signal);
  const tags: (readonly [string, string])[] = [];
  const tracks: FoundTrack[] = [];
  const blocks: FoundBlock[] = [];
  let scale = TIMESTAMP_SCALE_DEFAULT;
  let clusterTime = 0;
  const first = await prefixAt(window, 0);
  if (first?.id !== EBML.header) throw new GranaryError('FORMAT_INVALID', 'The file is not a WebM file.');
  for (let at = first.end; at < source.byteCount;) {
    throwIfAborted(signal);
    const element = await prefixAt(window, at);
    if (!element) break;
    if (ENTERED.has(element.id)) {
      at = element.start;
      continue;
    }
    if (element.end > source.byteCount) break;
    at = element.end;
    switch (element.id) {
      case EBML.tags:
        for (const tag of readTags(await content(window, element), whole(element))) tags.push(tag);
        break;
      case EBML.tracks:
        for (const track of readTracks(await content(window, element), whole(element))) tracks.push(track);
        break;
      case EBML.info:
        scale = readScale(await content(window, element), whole(element));
        break;
      case EBML.timestamp:
        clusterTime = readUint(await content(window, element));
        break;
      case EBML.simpleBlock:
      case EBML.block: {
        const block = readBlock(await window(element.start, BLOCK_HEADER_BYTES_MAX), element);
        if (!block) break;
        if (blocks.length === FOUND_BLOCKS_MAX)
          throw new GranaryError('LIMIT_EXCEEDED', `The file holds more than ${FOUND_BLOCKS_MAX} frames.`);
        blocks.push({ ...block, time: (clusterTime + block.time) * scale });
        break;
      }
    }
  }
  return { tags, tracks, blocks };
}

/** Up to `byteCount` bytes at `offset`, fewer at the end of the file. */
type Window = (offset: number, byteCount: number) => Promise<Uint8Array>;

function createWindow(source: ByteSource, signal: AbortSignal | undefined): Window {
  let start = 0;
  let bytes = new Uint8Array(0);
  return async (offset, byteCount) => {
    const end = Math.min(offset + byteCount, source.byteCount);
    if (offset < start || end > start + bytes.length) {
      start = offset;
      const ahead = Math.min(Math.max(byteCount, WINDOW_BYTES), source.byteCount - offset);
      bytes = new Uint8Array(await source.read(offset, Math.max(ahead, 0), { signal }));
    }
    return bytes.subarray(offset - start, Math.max(end - start, 0));
  };
}

/** Undefined where there is no element: the file was cut, or what follows is none. */
async function prefixAt(window: Window, offset: number): Promise<ElementRange | undefined> {
  const bytes = await window(offset, PREFIX_BYTES_MAX);
  try {
    const { id, start, end } = readOpenPrefix(bytes, 0);
    if (end === Number.POSITIVE_INFINITY && !ENTERED.has(id)) return undefined;
    return { id, start: start + offset, end: end + offset };
  } catch {
    return undefined;
  }
}

async function content(window: Window, { start, end }: ElementRange): Promise<Uint8Array> {
  if (end - start > SEGMENT_HEADER_BYTES_MAX)
    throw new GranaryError('LIMIT_EXCEEDED', `The header is larger than ${SEGMENT_HEADER_BYTES_MAX} bytes.`);
  return window(start, end - start);
}

const whole = ({ start, end }: ElementRange) => ({ start: 0, end: end - start });

const readUint = (bytes: Uint8Array): number => bytes.reduce((value, byte) => value * 256 + byte, 0);

function readScale(bytes: Uint8Array, range: { start: number; end: number }): number {
  for (const child of readChildren(bytes, range))
    if (child.id === EBML.timestampScale) return readUint(bytes.subarray(child.start, child.end));
  return TIMESTAMP_SCALE_DEFAULT;
}

/** Tracks whose frames are as they were; those that a muxer compressed or encrypted are left out. */
function readTracks(bytes: Uint8Array, range: { start: number; end: number }): FoundTrack[] {
  const tracks: FoundTrack[] = [];
  for (const entry of readChildren(bytes, range)) {
    if (entry.id !== EBML.trackEntry) continue;
    const parts = [...readChildren(bytes, entry)];
    const part = (id: number) => parts.find((child) => child.id === id);
    const number = part(EBML.trackNumber);
    const name = part(EBML.name);
    if (!number || part(EBML.contentEncodings)) continue;
    tracks.push({
      number: readUint(bytes.subarray(number.start, number.end)),
      name: name ? readText(bytes, name) : '',
    });
  }
  return tracks;
}

/** Track number, time and flags. */
const BLOCK_HEADER_BYTES_MAX = 11;

/** A block without lacing; `time` counts from its cluster. */
function readBlock(bytes: Uint8Array, { start, end }: ElementRange): FoundBlock | undefined {
  const { value: track, width } = readSize(bytes, 0);
  if (track === undefined || start + width + 3 > end) return undefined;
  if ((bytes[width + 2]! & FLAGS_LACING) !== 0) return undefined;
  const time = ((bytes[width]! << 24) | (bytes[width + 1]! << 16)) >> 16;
  const offset = start + width + 3;
  return { track, time, offset, byteCount: end - offset };
}
