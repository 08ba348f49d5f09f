import type { SegmentRef } from '#core/catalog/index.ts';
import { isSegmentHash } from '#core/kernel/index.ts';
import type { SchemaJson } from '#core/columnar/index.ts';
import type { AssetProjection, VersionFacts } from './project-asset.ts';

export type ManifestOutcome =
  /** All segments of the version, in the order of the rows, and its columns. */
  | { readonly kind: 'complete'; readonly segments: readonly SegmentRef[]; readonly schema: SchemaJson }
  /** This version, or one that it is based on, is not here or waits. */
  | { readonly kind: 'missing'; readonly version: string }
  /** A version of the chain removes a segment that it does not hold. */
  | { readonly kind: 'contradictory'; readonly version: string };

/** What a version holds, from the versions it is based on. */
export function manifestOf({ versions }: Pick<AssetProjection, 'versions'>, id: string): ManifestOutcome {
  const chain: VersionFacts[] = [];
  for (let next: string | null = id; next !== null;) {
    const version = versions.get(next);
    if (!version || version.missing.length > 0) return { kind: 'missing', version: next };
    chain.push(version);
    next = version.base;
  }
  let segments: SegmentRef[] = [];
  for (const { id: version, added, removed } of chain.toReversed()) {
    if (removed.length > 0) {
      const kept = without(segments, removed);
      if (!kept) return { kind: 'contradictory', version };
      segments = kept;
    }
    for (const segment of added) segments.push(segment);
  }
  // The first of a chain has a schema: it was refused otherwise.
  const { schema } = chain.find(({ schema }) => schema !== null)!;
  return { kind: 'complete', segments, schema: schema! };
}

/**
 * The versions of a chain, the oldest first, up to the first that does not fit: that says other counts or columns than its
 * segments have, or removes one that its base does not hold. Whoever may write can sign such a version.
 */
export function fittingVersions(
  projection: Pick<AssetProjection, 'versions'>,
  chain: readonly VersionFacts[],
): readonly VersionFacts[] {
  const first = chain[0];
  const base = first?.base ? projection.versions.get(first.base) : undefined;
  let { rowCount, byteCount } = base ?? { rowCount: 0, byteCount: 0 };
  /** Undefined until they are asked for. */
  let segments: SegmentRef[] | undefined = base ? undefined : [];
  let columnCount = base ? schemaOf(projection, base).fields.length : 0;

  function fits(version: VersionFacts): boolean {
    if (version.removed.length > 0) {
      segments ??= segmentsOf(projection, version.base!);
      const kept = without(segments, version.removed);
      if (!kept) return false;
      rowCount -= sumOf(segments, 'rowCount') - sumOf(kept, 'rowCount');
      byteCount -= sumOf(segments, 'byteCount') - sumOf(kept, 'byteCount');
      segments = kept;
    }
    for (const segment of version.added) segments?.push(segment);
    rowCount += sumOf(version.added, 'rowCount');
    byteCount += sumOf(version.added, 'byteCount');
    columnCount = version.schema?.fields.length ?? columnCount;
    return (
      rowCount === version.rowCount &&
      byteCount === version.byteCount &&
      version.added.every(({ id, columns }) => isSegmentHash(id) && columns.length === columnCount)
    );
  }

  const end = chain.findIndex((version) => !fits(version));
  return end < 0 ? chain : chain.slice(0, end);
}

/** The columns of a version; without its own it has those of its base. */
export function schemaOf({ versions }: Pick<AssetProjection, 'versions'>, version: VersionFacts): SchemaJson {
  let { schema, base } = version;
  // The first of a chain has a schema: it was refused otherwise.
  while (schema === null) ({ schema, base } = versions.get(base!)!);
  return schema;
}

function segmentsOf(projection: Pick<AssetProjection, 'versions'>, id: string): SegmentRef[] {
  const manifest = manifestOf(projection, id);
  return manifest.kind === 'complete' ? [...manifest.segments] : [];
}

const sumOf = (segments: readonly SegmentRef[], count: 'rowCount' | 'byteCount'): number =>
  segments.reduce((total, segment) => total + segment[count], 0);

function without(segments: readonly SegmentRef[], removed: readonly string[]): SegmentRef[] | undefined {
  const due = new Map<string, number>();
  for (const id of removed) due.set(id, (due.get(id) ?? 0) + 1);
  const kept = segments.filter(({ id }) => {
    const count = due.get(id) ?? 0;
    if (count > 0) due.set(id, count - 1);
    return count === 0;
  });
  return [...due.values()].every((count) => count === 0) ? kept : undefined;
}
