import type { SegmentRef } from '#core/catalog/index.ts';
import { canonicalJson, GranaryError } from '#core/kernel/index.ts';
import { encodeSealedSegment, type SealedSegment } from '#sync/segments/index.ts';
import { RECORD_BYTES_MAX, VERSION_PARTS_MAX } from './limits.ts';
import { toBase64, type VersionRecord } from './version-record.ts';

export interface VersionInput extends Omit<VersionRecord, 'sealed'> {
  /** How the added segments are sealed, those that are. */
  readonly sealed: readonly SealedSegment[];
}

interface Part {
  readonly added: SegmentRef[];
  readonly removed: string[];
  readonly sealed: Record<string, string>;
}

/** What the braces, names and numbers of a part take at most. */
const PART_FRAME_BYTES = 256;

/**
 * The records of a version, to be signed one after another in one log; the id of the last operation names the version.
 * Errors: `LIMIT_EXCEEDED` when its schema and its sources alone do not fit into one, or it takes too many.
 */
export function encodeVersion({ sealed, added, removed, ...facts }: VersionInput): Uint8Array[] {
  const last = { ...facts, parents: facts.parents.toSorted() };
  const room = RECORD_BYTES_MAX - PART_FRAME_BYTES;
  const parts = planParts(room, { sealed, added, removed });
  const lastPart = parts.at(-1)!;
  // What the last part says besides may need a part of its own.
  if (byteCountOf(last) + byteCountOf(lastPart) > room) parts.push(emptyPart());
  const records = parts.map((part, index) => {
    const isLast = index === parts.length - 1;
    return canonicalJson({ part: index, parts: parts.length, ...part, ...(isLast ? last : {}) });
  });
  if (records.length > VERSION_PARTS_MAX) {
    throw refuse(`takes ${records.length} operations`, VERSION_PARTS_MAX);
  }
  const largest = Math.max(...records.map(({ length }) => length));
  if (largest > RECORD_BYTES_MAX) throw refuse(`has a schema and sources of ${largest} bytes`, RECORD_BYTES_MAX);
  return records;
}

function planParts(
  room: number,
  { sealed, added, removed }: Pick<VersionInput, 'sealed' | 'added' | 'removed'>,
): Part[] {
  const sealedById = new Map<string, SealedSegment>(sealed.map((segment) => [segment.hash, segment]));
  const parts: Part[] = [emptyPart()];
  let free = room;
  const take = (byteCount: number): Part => {
    if (byteCount > free) {
      parts.push(emptyPart());
      free = room;
    }
    free -= byteCount;
    return parts.at(-1)!;
  };
  for (const id of removed) take(byteCountOf(id) + 1).removed.push(id);
  for (const segment of added) {
    const fitting = withoutBoundsOver(room / 2, segment);
    const key = sealedById.get(segment.id);
    const text = key && toBase64(encodeSealedSegment(key));
    const part = take(byteCountOf(fitting) + 1 + (text ? byteCountOf(segment.id) + text.length + 4 : 0));
    part.added.push(fitting);
    if (text) part.sealed[segment.id] = text;
  }
  return parts;
}

const emptyPart = (): Part => ({ added: [], removed: [], sealed: {} });
const byteCountOf = (value: unknown): number => canonicalJson(value).length;

/** A thousand columns of long texts have bounds that fit into no operation; without them nothing is pruned or lost. */
function withoutBoundsOver(byteCountMax: number, segment: SegmentRef): SegmentRef {
  if (byteCountOf(segment) <= byteCountMax) return segment;
  return { ...segment, columns: segment.columns.map(({ nullCount }) => ({ nullCount })) };
}

const refuse = (what: string, limit: number) =>
  new GranaryError(
    'LIMIT_EXCEEDED',
    `The version ${what}; the limit is ${limit}. Use fewer columns or files at once.`,
    {
      limit,
    },
  );
