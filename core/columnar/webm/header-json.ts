import { z } from 'zod';
import { GranaryError } from '#core/kernel/index.ts';
import { schemaFromJson, schemaToJson } from '../arrow-json.ts';
import { checksumOf } from '../checksum.ts';
import { MAPPINGS } from '../chunk-format.ts';
import { METHODS } from '../integer-stream.ts';
import { COLUMNS_MAX, ROW_GROUPS_MAX, ROW_GROUP_ROWS_MAX } from '../limits.ts';
import type { ChunkHeader, RowGroupHeader, SegmentHeader } from '../segment-header.ts';
import type { ChunkStatistics } from '../statistics.ts';
import { toUtf8 } from '#core/kernel/index.ts';

/**
 * The text of the tags. One tag for the version, one for the schema, one per row group (so that no string grows without
 * bound), one for the checksum over all of these.
 *
 * A row group is `[rowCount, chunk…]`, a chunk is `[gap, byteCount, checksum, method, mapping, details, statistics]`:
 * `gap` is the distance from the end of the chunk before, or for the first from the start of the first cluster;
 * statistics are `[nullCount, distinctEstimate, min, max, sum]` with null for unknown and the nulls at the end left out.
 */
export const TAG_FORMAT = 'GRANARY_FORMAT';
export const TAG_SCHEMA = 'GRANARY_SCHEMA';
export const TAG_ROW_GROUP = 'GRANARY_ROW_GROUP_';
/** Where the first cluster starts, in bytes from the start of the file: fixed width, so that it does not move itself. */
export const TAG_CLUSTERS = 'GRANARY_CLUSTERS';
export const TAG_CHECKSUM = 'GRANARY_CHECKSUM';

export const FORMAT_VERSION = 1;

const OFFSET_DIGITS = 15;
const offsetText = (offset: number): string => String(offset).padStart(OFFSET_DIGITS, '0');

export type Tags = readonly (readonly [name: string, text: string])[];

const checksumOfTags = (tags: Tags): string => checksumOf(tags.flatMap((tag) => tag.map(toUtf8)));

/** The tags of a header whose chunks' offsets count from the start of the first cluster. */
export function tagsOf(header: SegmentHeader, firstCluster: number): Tags {
  const tags: [string, string][] = [
    [TAG_FORMAT, String(FORMAT_VERSION)],
    [TAG_CLUSTERS, offsetText(firstCluster)],
    [TAG_SCHEMA, JSON.stringify(schemaToJson(header.schema))],
  ];
  let end = 0;
  header.rowGroups.forEach((group, i) => {
    const chunks = group.chunks.map((chunk) => {
      const json = chunkJson(chunk, end);
      end = chunk.offset + chunk.byteCount;
      return json;
    });
    tags.push([`${TAG_ROW_GROUP}${i}`, JSON.stringify([group.rowCount, ...chunks])]);
  });
  return [...tags, [TAG_CHECKSUM, checksumOfTags(tags)]];
}

function chunkJson({ offset, byteCount, checksum, encoding, statistics }: ChunkHeader, end: number): unknown[] {
  const { method, mapping, ...details } = encoding;
  return [
    offset - end,
    byteCount,
    checksum,
    METHODS.indexOf(method),
    MAPPINGS.indexOf(mapping),
    Object.keys(details).length > 0 ? details : 0,
    statisticsJson(statistics),
  ];
}

function statisticsJson({ nullCount, distinctEstimate, min, max, sum }: ChunkStatistics): unknown[] {
  const json: unknown[] = [nullCount, distinctEstimate ?? null, min ?? null, max ?? null, sum ?? null];
  while (json.at(-1) === null) json.pop();
  return json;
}

const countSchema = z.int().min(0);
const boundSchema = z.union([z.string(), z.number(), z.boolean()]).nullish();

const statisticsSchema = z
  .tuple([countSchema])
  .rest(z.unknown())
  .transform(([nullCount, ...rest]) => [nullCount, ...rest] as const)
  .pipe(
    z.union([
      z.tuple([countSchema]),
      z.tuple([countSchema, countSchema.nullable()]),
      z.tuple([countSchema, countSchema.nullable(), boundSchema]),
      z.tuple([countSchema, countSchema.nullable(), boundSchema, boundSchema]),
      z.tuple([countSchema, countSchema.nullable(), boundSchema, boundSchema, z.union([z.string(), z.number()])]),
    ]),
  );

const chunkSchema = z.tuple([
  countSchema,
  countSchema,
  z.string().regex(/^s?[0-9a-f]{16}$/),
  z
    .int()
    .min(0)
    .max(METHODS.length - 1),
  z
    .int()
    .min(0)
    .max(MAPPINGS.length - 1),
  z.union([z.literal(0), z.record(z.string(), z.unknown())]),
  statisticsSchema,
]);

const rowGroupSchema = z.tuple([countSchema.max(ROW_GROUP_ROWS_MAX)]).rest(chunkSchema);

const invalid = (message: string) => new GranaryError('FORMAT_INVALID', message);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new GranaryError('FORMAT_INVALID', 'The header of the segment is not JSON.', {}, { cause: error });
  }
}

/**
 * The header that {@link tagsOf} wrote, its offsets counted from the start of the file. Errors: `FORMAT_INVALID`,
 * `FORMAT_VERSION`.
 *
 * @param firstCluster where the first cluster starts, in bytes from the start of the file
 * @param byteCount of the file; every chunk must lie inside
 */
export function headerFromTags(tags: Tags, firstCluster: number, byteCount: number): SegmentHeader {
  const own = checkTags(tags);
  if (own.get(TAG_CLUSTERS) !== offsetText(firstCluster)) {
    throw invalid('The rows of the segment do not start where its header says: it is damaged or was remuxed.');
  }
  return headerOf(own, firstCluster, byteCount);
}

/**
 * The same for a file whose clusters were moved, and its tags reordered: ffmpeg moves the last one to the front each time
 * it copies. The offsets are those that the chunks once had.
 */
export function headerOfMovedTags(tags: Tags): SegmentHeader {
  const own = checkTags(tags.toSorted(([a], [b]) => tagRank(a) - tagRank(b)));
  return headerOf(own, Number(own.get(TAG_CLUSTERS)), Number.POSITIVE_INFINITY);
}

/** The place of a tag in the order in which they are written. */
function tagRank(name: string): number {
  const index = [TAG_FORMAT, TAG_CLUSTERS, TAG_SCHEMA].indexOf(name);
  if (index >= 0) return index;
  return name.startsWith(TAG_ROW_GROUP) ? 3 + Number(name.slice(TAG_ROW_GROUP.length)) : Number.MAX_SAFE_INTEGER;
}

/** Our own tags by name, in order: of a version that is known, and intact. */
function checkTags(tags: Tags): ReadonlyMap<string, string> {
  const byName = new Map(tags);
  const version = byName.get(TAG_FORMAT);
  if (version === undefined) throw invalid('The file is a WebM, but not a Granary segment.');
  if (!/^[1-9][0-9]{0,8}$/.test(version)) throw invalid('The segment names no format version.');
  if (Number(version) > FORMAT_VERSION) {
    throw new GranaryError('FORMAT_VERSION', `The segment has format version ${version}; this Granary reads up to 1.`, {
      version: Number(version),
    });
  }
  const own = tags.filter(([name]) => name.startsWith('GRANARY_') && name !== TAG_CHECKSUM);
  if (checksumOfTags(own) !== byName.get(TAG_CHECKSUM)) throw invalid('The header of the segment is damaged.');
  const unique = new Map(own);
  if (unique.size < own.length) throw invalid('The header of the segment names something twice.');
  return unique;
}

function headerOf(own: ReadonlyMap<string, string>, firstCluster: number, byteCount: number): SegmentHeader {
  const schema = schemaFromJson(parseJson(own.get(TAG_SCHEMA) ?? ''));
  const groupTags = [...own].filter(([name]) => name.startsWith(TAG_ROW_GROUP));
  if (schema.fields.length > COLUMNS_MAX || groupTags.length > ROW_GROUPS_MAX)
    throw invalid('The segment is too large.');
  let end = firstCluster;
  const rowGroups = groupTags.map(([name, text], index) => {
    if (name !== `${TAG_ROW_GROUP}${index}`) throw invalid('The row groups of the segment are out of order.');
    const json = parseJson(text);
    // Before the schema of a chunk is applied, which would find a fault in each of millions of them.
    if (!Array.isArray(json) || json.length !== 1 + schema.fields.length)
      throw invalid('A row group has another number of columns.');
    const group = rowGroupOf(json, end);
    const last = group.chunks.at(-1);
    if (last) end = last.offset + last.byteCount;
    return group;
  });
  if (end > byteCount) throw invalid('The segment ends early.');
  const rowCount = rowGroups.reduce((sum, group) => sum + group.rowCount, 0);
  return { formatVersion: FORMAT_VERSION, schema, rowCount, rowGroups };
}

function rowGroupOf(json: unknown, start: number): RowGroupHeader {
  const parsed = rowGroupSchema.safeParse(json);
  if (!parsed.success) throw invalid(`The header of the segment is malformed: ${parsed.error.issues[0]?.message}.`);
  const [rowCount, ...chunks] = parsed.data;
  let end = start;
  return {
    rowCount,
    chunks: chunks.map(([gap, byteCount, checksum, method, mapping, details, statistics]): ChunkHeader => {
      const offset = end + gap;
      end = offset + byteCount;
      return {
        offset,
        byteCount,
        encoding: { ...(details === 0 ? {} : details), method: METHODS[method]!, mapping: MAPPINGS[mapping]! },
        statistics: statisticsOfJson(statistics, rowCount),
        checksum,
      };
    }),
  };
}

function statisticsOfJson(json: z.output<typeof statisticsSchema>, rowCount: number): ChunkStatistics {
  const [nullCount, distinctEstimate, min, max, sum] = json;
  if (nullCount > rowCount) throw invalid('A chunk has more nulls than rows.');
  return {
    nullCount,
    ...(distinctEstimate === undefined || distinctEstimate === null ? {} : { distinctEstimate }),
    ...(min === undefined || min === null ? {} : { min }),
    ...(max === undefined || max === null ? {} : { max }),
    ...(sum === undefined ? {} : { sum }),
  };
}
