/** Rows under all the names that documents claim for them: which of them is the right one shows when it has come. */
import type { CatalogAsset, SegmentRef } from '#core/catalog/index.ts';
import { type AbortOptions, GranaryError, isGranaryError, type SegmentHash, type Uuid } from '#core/kernel/index.ts';
import { type ByteSource, Commit, type KeyValueStore } from '#core/platform/ports.ts';
import {
  fetchPlain,
  type FetchPlainDeps,
  rebuildTree,
  type SealedSegment,
  type SealedSourceDeps,
  type Urgency,
} from '#sync/segments/index.ts';
import { putProved, readAllSeals, readProved, readSeals, readSharedAsset } from '#sync/spaces/index.ts';

export interface FetchWhole {
  readonly urgency: Urgency;
  readonly signal: AbortSignal;
  /** Bytes of all that is fetched together. */
  readonly wholeBytes: number;
}

/** Under which names members may have a segment. One of another size is not the one that the version means. */
export async function sealsOf(
  store: KeyValueStore,
  { id }: CatalogAsset,
  { id: segment, byteCount }: SegmentRef,
): Promise<{ readonly space: Uuid | undefined; readonly seals: readonly SealedSegment[] }> {
  const space = (await readSharedAsset(store, id))?.space;
  const all = space ? await readAllSeals(store, { space, asset: id, segment }) : [];
  return { space, seals: all.filter((seal) => seal.byteCount === byteCount) };
}

/** Fetches the segment under the first of its names that turns out to be its own. Errors: those of `fetchPlain`. */
export async function fetchBySeals(
  deps: FetchPlainDeps & { readonly store: KeyValueStore },
  seals: readonly SealedSegment[],
  { signal, ...options }: FetchWhole,
): Promise<void> {
  const ended = new AbortController();
  const either = AbortSignal.any([ended.signal, signal]);
  const attempts = seals.map(async (seal) => {
    try {
      await fetchPlain(deps, seal, { ...options, signal: either });
      // What confirms that the rows are here is synced, and this with it.
      await deps.store.write(putProved(new Commit(), seal), { sync: false });
    } catch (error) {
      // Another name may be the right one, but there is no other disk.
      if (!isGranaryError(error, 'SEGMENT_CORRUPT')) ended.abort(error);
      throw error;
    }
  });
  try {
    await Promise.any(attempts);
  } catch (error) {
    const { errors } = error as AggregateError;
    throw errors.find((each) => !isGranaryError(each, 'SEGMENT_CORRUPT')) ?? errors[0];
  } finally {
    ended.abort(new GranaryError('CANCELLED', 'The segment is here.'));
    await Promise.allSettled(attempts);
  }
}

export interface ProveDeps extends SealedSourceDeps {
  readonly store: KeyValueStore;
  /** The opened segment; undefined when it is not on this node. */
  readonly openPlain: (segment: SegmentHash) => Promise<ByteSource | undefined>;
  readonly count: (event: 'seal-wrong') => void;
}

/**
 * Finds out which of the names that an asset's document claims for rows that are here are true: others may ask for any of them.
 * Reads the segment once for each that is not known. False when it is not on the disk.
 */
export async function proveSeals(
  deps: ProveDeps,
  { id }: CatalogAsset,
  segment: SegmentHash,
  options: AbortOptions,
): Promise<boolean> {
  const { store, count } = deps;
  const source = await deps.openPlain(segment);
  if (!source) return false;
  try {
    const space = (await readSharedAsset(store, id))?.space;
    const seals = space ? await readSeals(store, { space, asset: id, segment }) : [];
    for (const seal of seals) {
      if (await readProved(store, seal.name)) continue;
      try {
        await rebuildTree(deps, source, seal, options);
        await store.write(putProved(new Commit(), seal), { sync: false });
      } catch (error) {
        if (!isGranaryError(error, 'SEGMENT_CORRUPT')) throw error;
        count('seal-wrong');
      }
    }
    return true;
  } finally {
    await source.close();
  }
}
