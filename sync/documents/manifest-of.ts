import type { SegmentRef } from '#core/catalog/index.ts';
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
