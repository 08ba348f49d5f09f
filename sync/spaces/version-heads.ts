/**
 * Versions that were made without knowledge of each other: which there are, and one that joins them. It continues all of
 * them, so nothing is dropped; its rows are those of one of them, or what all of them have added and kept.
 */
import type { SegmentRef } from '#core/catalog/index.ts';
import { canonicalJson, equalBytes, GranaryError } from '#core/kernel/index.ts';
import { type AssetProjection, manifestOf, type VersionFacts, type VersionInput } from '#sync/documents/index.ts';

type Versions = Pick<AssetProjection, 'versions' | 'heads' | 'shown'>;

/** The newest versions, that which is shown first. */
export const newestVersions = ({ versions, heads, shown }: Versions): VersionFacts[] =>
  [...heads].sort((left, right) => Number(right === shown) - Number(left === shown)).map((id) => versions.get(id)!);

/**
 * The version that joins all heads. With `take`, the id of one of them, its rows are that one's. Errors: `SEGMENT_MISSING`
 * while something of a version is not known here, `SCHEMA_MISMATCH` when the rows cannot stand in one table.
 */
export function joinHeads(projection: Versions, take: string | undefined, now: number): VersionInput {
  const newest = newestVersions(projection);
  const [base, ...others] = take === undefined ? newest : newest.filter(({ id }) => id === take);
  const { segments, schema } = requireManifest(projection, base!.id);
  const joined = {
    parents: [...projection.heads].sort(),
    base: base!.id,
    schema: null,
    kind: 'replace' as const,
    createdAt: Math.max(now, ...newest.map(({ createdAt }) => createdAt + 1)),
    sources: [],
    sealed: [],
  };
  let rows = { added: [] as SegmentRef[], removed: [] as string[] };
  for (const other of others) {
    const theirs = requireManifest(projection, other.id);
    if (!equalBytes(canonicalJson(schema), canonicalJson(theirs.schema))) throw otherColumns(other);
    const ancestor = commonAncestor(projection, base!.id, other.id);
    const before = ancestor === undefined ? [] : requireManifest(projection, ancestor).segments;
    rows = addChange(segments, rows, before, theirs.segments);
  }
  const gone = new Set(rows.removed);
  const all = [...segments.filter(({ id }) => !gone.has(id)), ...rows.added];
  const sum = (of: 'rowCount' | 'byteCount') => all.reduce((total, segment) => total + segment[of], 0);
  return { ...joined, ...rows, rowCount: sum('rowCount'), byteCount: sum('byteCount') };
}

interface Rows {
  readonly added: SegmentRef[];
  readonly removed: string[];
}

/** Adds to `rows`, a change of `ours`, what became of `before` on the way to `theirs`. */
function addChange(
  ours: readonly SegmentRef[],
  rows: Rows,
  before: readonly SegmentRef[],
  theirs: readonly SegmentRef[],
): Rows {
  const known = new Set([...before, ...ours, ...rows.added].map(({ id }) => id));
  const kept = new Set(theirs.map(({ id }) => id));
  const lost = new Set(before.filter(({ id }) => !kept.has(id)).map(({ id }) => id));
  const removed = new Set(rows.removed);
  // One that stands twice is removed once for each mention.
  const removedNow = ours.filter(({ id }) => lost.has(id) && !removed.has(id)).map(({ id }) => id);
  return {
    added: [...rows.added.filter(({ id }) => !lost.has(id)), ...theirs.filter(({ id }) => !known.has(id))],
    removed: [...rows.removed, ...removedNow],
  };
}

/** The deepest version that both continue, of equals the least; undefined when there is none. */
function commonAncestor({ versions }: Versions, left: string, right: string): string | undefined {
  const ofLeft = ancestorsOf(versions, left);
  const common = [...ancestorsOf(versions, right)].filter((id) => ofLeft.has(id));
  const depth = (id: string) => versions.get(id)!.depth;
  return common.toSorted((one, two) => depth(two) - depth(one) || (one < two ? -1 : 1))[0];
}

function ancestorsOf(versions: Versions['versions'], id: string): Set<string> {
  const found = new Set([id]);
  for (const each of found) for (const parent of versions.get(each)?.parents ?? []) found.add(parent);
  return found;
}

function requireManifest(projection: Versions, id: string) {
  const manifest = manifestOf(projection, id);
  if (manifest.kind === 'complete') return manifest;
  throw new GranaryError(
    'SEGMENT_MISSING',
    `Not all that the version ${id} is made of is known on this node. Sync, and try again.`,
    { version: id },
  );
}

const otherColumns = ({ id }: VersionFacts) =>
  new GranaryError(
    'SCHEMA_MISMATCH',
    `The version ${id} has other columns: its rows cannot stand in one table with the others. Choose one version.`,
    { version: id },
  );
