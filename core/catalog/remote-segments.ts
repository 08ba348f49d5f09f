import { type AssetId, canonicalJson, GranaryError, readRecord } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import type { VersionRecord } from './asset-version.ts';
import { evictedKey, evictedPrefix, manifestPrefix, segmentKey } from './keys.ts';
import type { SegmentRef } from './ports.ts';
import type { CatalogCore } from './transact.ts';

/**
 * The segments with what is known of them on this node: one that came from another node loses its mark, and has the columns
 * that its own file tells. A file that has other counts than the version says stays out: the version cannot be trusted. One
 * whose file was removed from here has the mark, also when its version was made here.
 */
export async function resolveRemote(
  store: KeyValueStore,
  assetId: AssetId,
  segments: readonly SegmentRef[],
): Promise<readonly SegmentRef[]> {
  const evicted = await readEvicted(store, assetId);
  const remote = segments.filter((segment) => segment.remote);
  if (remote.length === 0 && evicted.size === 0) return segments;
  const keys = [...new Set(remote.map(({ id }) => segmentKey(id, assetId)))];
  const here = new Map<string, SegmentRef>();
  for (const [i, bytes] of (await store.getMany(keys)).entries()) {
    if (!bytes || bytes.length === 0) continue;
    const segment = readRecord<SegmentRef>(keys[i]!, bytes);
    here.set(segment.id, segment);
  }
  return segments.map((segment) => {
    if (evicted.has(segment.id)) return { ...segment, remote: true };
    const own = segment.remote && here.get(segment.id);
    return own && own.rowCount === segment.rowCount && own.byteCount === segment.byteCount ? own : segment;
  });
}

/** Most assets have none: looking for them costs one seek. */
async function readEvicted(store: KeyValueStore, assetId: AssetId): Promise<ReadonlySet<string>> {
  const prefix = evictedPrefix(assetId);
  const evicted = new Set<string>();
  for await (const [key] of store.entries(prefixRange(prefix))) {
    evicted.add(decodeURIComponent(key.slice(prefix.length)));
  }
  return evicted;
}

/**
 * Notes that segments of an asset are on this node, each with what its file tells, or that they no longer are. Returns the
 * ids that no version of the asset names: nothing is noted of them.
 */
export async function noteSegments(
  store: KeyValueStore,
  assetId: AssetId,
  notes: readonly { readonly id: string; readonly file: SegmentRef | undefined }[],
): Promise<string[]> {
  const keys = notes.map(({ id }) => segmentKey(id, assetId));
  const named = await store.getMany(keys);
  const commit = new Commit();
  const unnamed: string[] = [];
  for (const [i, { id, file }] of notes.entries()) {
    if (!named[i]) {
      unnamed.push(id);
      continue;
    }
    commit.put(keys[i]!, file ? canonicalJson(file) : new Uint8Array(0));
    if (file) commit.delete(evictedKey(assetId, id));
    else commit.put(evictedKey(assetId, id), new Uint8Array(0));
  }
  if (commit.writes.length > 0) await store.write(commit, { sync: true });
  return unnamed;
}

/**
 * Notes of all segments of an asset that is this node's alone that they are here, but for those that were evicted: once it is
 * in a space, that is to be told from rows that others have.
 */
export async function noteOwnSegments(store: KeyValueStore, commit: Commit, assetId: AssetId): Promise<void> {
  const evicted = await readEvicted(store, assetId);
  for await (const [key, bytes] of store.entries(prefixRange(manifestPrefix(assetId)))) {
    for (const segment of readRecord<VersionRecord>(key, bytes).added) {
      if (segment.remote || evicted.has(segment.id)) continue;
      commit.put(segmentKey(segment.id, assetId), canonicalJson(segment));
    }
  }
}

/**
 * Refuses to count on rows that were here when they were stored and were evicted before the commit. Asked where no other
 * change runs. Errors: `SEGMENT_MISSING`.
 */
export async function assertRowsHere(
  { hasRows }: Pick<CatalogCore, 'hasRows'>,
  assetName: string,
  segments: readonly SegmentRef[],
): Promise<void> {
  if (!hasRows) return;
  for (const { id } of segments) {
    if (await hasRows(id)) continue;
    throw new GranaryError(
      'SEGMENT_MISSING',
      `A segment of the asset ${JSON.stringify(assetName)} was taken off this node meanwhile. Do it once more.`,
      { asset: assetName, segment: id },
    );
  }
}

/** Refuses to read a version of which segments have not come yet. Errors: `SEGMENT_MISSING`. */
export function assertSegmentsHere(assetName: string, segments: readonly SegmentRef[]): void {
  const missing = segments.filter(({ remote }) => remote).length;
  if (missing === 0) return;
  const name = JSON.stringify(assetName);
  throw new GranaryError(
    'SEGMENT_MISSING',
    `${missing} of the ${segments.length} segments of the asset ${name} are not on this node yet: granary fetch ${name}`,
    { asset: assetName, missing },
  );
}
