import { type AbortOptions, GranaryError, readRecord } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import type { VersionRecord } from './asset-version.ts';
import { checkpointKey, manifestKey } from './keys.ts';
import { applyChange } from './manifest.ts';
import type { SegmentRef } from './ports.ts';

/** Segments that all cached manifests hold together: some tens of megabytes with ordinary columns. */
export const MANIFEST_CACHE_SEGMENTS_MAX = 50_000;

/** Reads manifests; those read last stay in memory, as they never change. */
export interface ManifestReader {
  /** The segments of a stored version, in the order of their rows. Errors: `JOURNAL_CORRUPT`. */
  read(assetId: string, record: VersionRecord, options?: AbortOptions): Promise<readonly SegmentRef[]>;
  /** The segments of a version when they are in memory. */
  cached(assetId: string, version: number): readonly SegmentRef[] | undefined;
  remember(assetId: string, version: number, segments: readonly SegmentRef[]): void;
}

export function createManifestReader(store: KeyValueStore): ManifestReader {
  const cache = new Map<string, readonly SegmentRef[]>();
  let cachedSegments = 0;

  const cached: ManifestReader['cached'] = (assetId, version) => {
    const key = manifestKey(assetId, version);
    const segments = cache.get(key);
    if (!segments) return undefined;
    // A Map keeps the order of insertion: taking it out and in again makes it the youngest.
    cache.delete(key);
    cache.set(key, segments);
    return segments;
  };

  const remember: ManifestReader['remember'] = (assetId, version, segments) => {
    const key = manifestKey(assetId, version);
    if (cache.has(key) || segments.length > MANIFEST_CACHE_SEGMENTS_MAX) return;
    cache.set(key, segments);
    cachedSegments += segments.length;
    for (const [oldest, held] of cache) {
      if (cachedSegments <= MANIFEST_CACHE_SEGMENTS_MAX && cache.size <= MANIFEST_CACHE_SEGMENTS_MAX) return;
      cache.delete(oldest);
      cachedSegments -= held.length;
    }
  };

  const read: ManifestReader['read'] = async (assetId, record, options) => {
    const known = cached(assetId, record.version);
    if (known) return known;
    let segments: SegmentRef[] = [];
    if (record.checkpointVersion > 0) {
      const key = checkpointKey(assetId, record.checkpointVersion);
      const bytes = await store.get(key);
      if (!bytes) throw corrupt(key);
      segments = readRecord<SegmentRef[]>(key, bytes);
    }
    let next = record.checkpointVersion + 1;
    const range = { gte: manifestKey(assetId, next), lt: manifestKey(assetId, record.version + 1) };
    for await (const [key, bytes] of store.entries(range, options)) {
      if (key !== manifestKey(assetId, next)) throw corrupt(manifestKey(assetId, next));
      const change = readRecord<VersionRecord>(key, bytes);
      if (change.removed.length > 0) segments = applyChange(segments, change);
      else for (const added of change.added) segments.push(added);
      next += 1;
    }
    if (next !== record.version + 1) throw corrupt(manifestKey(assetId, next));
    remember(assetId, record.version, segments);
    return segments;
  };

  return { read, cached, remember };
}

const corrupt = (key: string) =>
  new GranaryError(
    'JOURNAL_CORRUPT',
    `The record "${key}" of the node's store is missing. Restore the home from a backup.`,
    {
      key,
    },
  );
