import { type AbortOptions, GranaryError } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { readMetadata } from './av1/index.ts';
import type { ChunkHeader, SegmentHeader } from './segment-header.ts';
import { headerOfMovedTags, TAG_FORMAT } from './webm/header-json.ts';
import { type FoundBlock, type FoundFile, walkFile } from './webm/walk-file.ts';

/** A chunk that a file does not hold any more. */
export interface LostChunk {
  readonly column: number;
  readonly rowGroup: number;
}

export interface RecoveredSegment {
  /** Offsets are those of this file; a lost chunk keeps the offset that it had. */
  readonly header: SegmentHeader;
  readonly lost: readonly LostChunk[];
}

/** A row group is shown for one second (docs/formats/webm-columnar-v1.md, section 1). */
const ROW_GROUP_NANOSECONDS = 1_000_000_000;

/** Tracks named in a message. */
const NAMES_SHOWN = 10;

/** The first moments of a file are matched with every row group: one may be pictures, or damaged. */
const MOMENTS_TRIED = 3;

/** The first frame is looked at to tell a segment without tags from any other video; larger ones are not. */
const FIRST_UNIT_BYTES_MAX = 16 * 2 ** 20;

/**
 * Reads a segment that is not as it was written: a remux moves its frames and may drop tracks, times or tags, a broken
 * transfer cuts it off. The tags say what there was; frames are found by walking over the file, and told apart by track,
 * time and size. What was lost is listed. Values are checked when they are decoded, as always. Errors: `cause` when the
 * file holds no intact tags of a segment, `FORMAT_INVALID` when it is a segment whose tags were lost, `FORMAT_VERSION`,
 * `LIMIT_EXCEEDED`, `IO_FAILED`, `CANCELLED`.
 *
 * @param cause why the file could not be read as it was written
 */
export async function recoverSegment(
  source: ByteSource,
  cause: GranaryError,
  options: AbortOptions = {},
): Promise<RecoveredSegment> {
  const found = await walkFile(source, options);
  if (!found.tags.some(([name]) => name === TAG_FORMAT)) {
    if (await holdsColumns(source, found, options)) throw tagsLost(found);
    throw cause;
  }
  return placeChunks(headerOfMovedTags(found.tags), found);
}

async function holdsColumns(source: ByteSource, { blocks }: FoundFile, options: AbortOptions): Promise<boolean> {
  const first = blocks[0];
  if (!first || first.byteCount > FIRST_UNIT_BYTES_MAX) return false;
  try {
    return readMetadata(await source.read(first.offset, first.byteCount, options)).length > 0;
  } catch {
    return false;
  }
}

function tagsLost({ tracks, blocks }: FoundFile): GranaryError {
  const names = tracks.slice(0, NAMES_SHOWN).map(({ name }) => JSON.stringify(name));
  const more = tracks.length > NAMES_SHOWN ? ` and ${tracks.length - NAMES_SHOWN} more` : '';
  return new GranaryError(
    'FORMAT_INVALID',
    `The file holds ${blocks.length} frames of a segment in ${tracks.length} tracks (${names.join(', ')}${more}), but its ` +
      'tags were lost, and with them the types, statistics and checksums of the columns: no value can be told. Copy the ' +
      'original again with its metadata.',
    { tracks: tracks.length, frames: blocks.length },
  );
}

/** Finds the frame of every chunk. */
function placeChunks(header: SegmentHeader, found: FoundFile): RecoveredSegment {
  const columns = columnsOfTracks(header, found);
  const moments = momentsOf(found.blocks, columns);
  const start = startOf(header, moments);
  const lost: LostChunk[] = [];
  const rowGroups = header.rowGroups.map((group, rowGroup) => {
    const moment = start === undefined ? undefined : moments.get(start + rowGroup * ROW_GROUP_NANOSECONDS);
    const chunks = group.chunks.map((chunk, column): ChunkHeader => {
      const block = moment?.get(column);
      if (block?.byteCount === chunk.byteCount) return { ...chunk, offset: block.offset };
      lost.push({ column, rowGroup });
      return chunk;
    });
    return { ...group, chunks };
  });
  return { header: { ...header, rowGroups }, lost };
}

/** The column of each track: by order when there are as many, else by name (of equal names, in order). */
function columnsOfTracks({ schema }: SegmentHeader, { tracks }: FoundFile): Map<number, number> {
  if (tracks.length === schema.fields.length) return new Map(tracks.map(({ number }, column) => [number, column]));
  const free = new Map<string, number[]>();
  schema.fields.forEach(({ name }, column) => free.set(name, [...(free.get(name) ?? []), column]));
  const columns = new Map<number, number>();
  for (const { number, name } of tracks) {
    const column = free.get(name)?.shift();
    if (column !== undefined) columns.set(number, column);
  }
  return columns;
}

/** The frames of one time by column: those of a row group, or its pictures. */
type Moment = ReadonlyMap<number, FoundBlock>;

/** By time, in order. */
function momentsOf(blocks: readonly FoundBlock[], columns: ReadonlyMap<number, number>): ReadonlyMap<number, Moment> {
  const moments = new Map<number, Map<number, FoundBlock>>();
  for (const block of blocks.toSorted((a, b) => a.time - b.time)) {
    const column = columns.get(block.track);
    if (column === undefined) continue;
    const moment = moments.get(block.time) ?? new Map<number, FoundBlock>();
    if (!moment.has(column)) moment.set(column, block);
    moments.set(block.time, moment);
  }
  return moments;
}

/** Where row group 0 would be in time. Cutting a file moves its times, and may leave a picture at its beginning. */
function startOf({ rowGroups }: SegmentHeader, moments: ReadonlyMap<number, Moment>): number | undefined {
  for (const [time, moment] of [...moments].slice(0, MOMENTS_TRIED)) {
    const index = rowGroups.findIndex(({ chunks }) => {
      const fitting = [...moment].filter(([column, { byteCount }]) => chunks[column]!.byteCount === byteCount);
      return fitting.length * 2 > moment.size;
    });
    if (index >= 0) return time - index * ROW_GROUP_NANOSECONDS;
  }
  return undefined;
}
