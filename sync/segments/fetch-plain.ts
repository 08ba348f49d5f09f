import { type AbortOptions, GranaryError, isGranaryError } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { createHashTree } from './hash-tree.ts';
import { unsealSegment } from './open-sealed.ts';
import type { StorePlain } from './ports.ts';
import { verifySealed } from './sealed-file.ts';
import { keepTreeOnly, type SealedSourceDeps } from './sealed-source.ts';
import type { SealedName, SealedSegment } from './sealed-segment.ts';
import type { FetchOptions, SegmentFetcher } from './segment-fetcher.ts';

/** How often a segment is fetched whose file the disk damages: a third time would find the same disk. */
export const FETCH_ATTEMPTS_MAX = 2;

export interface FetchPlainDeps extends SealedSourceDeps {
  readonly fetcher: Pick<SegmentFetcher, 'fetch'>;
  readonly storePlain: StorePlain;
  /** The sealed file of the name was damaged on this disk, is removed and fetched again. */
  readonly onDamaged: (name: SealedName) => void;
}

/**
 * Fetches a segment, opens it into the store of opened segments and keeps its tree alone, from which it can be served.
 * Errors: those of `fetch` and of the store; `SEGMENT_CORRUPT` with `details.fault` `record` when the peers' file is the one
 * of the name and still not what the record says, so that no peer has a better one; with `disk` when it was damaged here
 * {@link FETCH_ATTEMPTS_MAX} times.
 */
export async function fetchPlain(
  deps: FetchPlainDeps,
  segment: SealedSegment,
  options: Omit<FetchOptions, 'byteCount'> = {},
): Promise<void> {
  const { folder, fetcher, onDamaged } = deps;
  const { name, byteCount } = segment;
  for (let attempt = 1; ; attempt++) {
    await fetcher.fetch(name, { ...options, byteCount });
    const source = await folder.open(name);
    // Removed by somebody else since: there is nothing to open, and it is fetched again.
    const isStored = source && (await openInto(deps, source, segment, options));
    if (isStored) break;
    if (source) onDamaged(name);
    await folder.removeLeaves(name);
    if (attempt < FETCH_ATTEMPTS_MAX) continue;
    throw corrupt(segment, 'disk', 'the disk damages its file. Check the disk');
  }
  await keepTreeOnly(folder, name);
}

/** False when the file is not the one that was received. Closes the source. */
async function openInto(
  { cipher, createHasher, blake3, storePlain }: FetchPlainDeps,
  source: ByteSource,
  segment: SealedSegment,
  options: AbortOptions,
): Promise<boolean> {
  try {
    await storePlain(segment, unsealSegment({ cipher, createHasher }, source, segment, options), options);
    return true;
  } catch (error) {
    if (!isGranaryError(error, 'SEGMENT_CORRUPT')) throw error;
    try {
      await verifySealed(createHashTree(blake3), source, segment.name, options);
    } catch (fault) {
      if (isGranaryError(fault, 'SEGMENT_CORRUPT')) return false;
      throw fault;
    }
    throw corrupt(segment, 'record', 'it is not what its record says. Ask the author of the record');
  } finally {
    await source.close();
  }
}

const corrupt = ({ name }: SealedSegment, fault: 'record' | 'disk', what: string) =>
  new GranaryError('SEGMENT_CORRUPT', `The sealed segment ${name} cannot be opened: ${what}.`, {
    segment: name,
    fault,
  });
