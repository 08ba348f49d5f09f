import {
  canonicalJson,
  fromHex,
  fromUtf8,
  readRecord,
  type SegmentHash,
  toHex,
  type Uuid,
} from '#core/kernel/index.ts';
import type { Commit, KeyValueStore } from '#core/platform/ports.ts';
import { decodeSealedSegment, encodeSealedSegment, type SealedName, type SealedSegment } from '#sync/segments/index.ts';
import { sealedKey, sealedNameKey } from './space-keys.ts';

interface StoredSeal {
  readonly spaces: readonly Uuid[];
  /** The record of the sealed segment, in hexadecimal digits. */
  readonly record: string;
}

/** Under which key and name a segment travels, and in which spaces. */
export interface KnownSeal {
  readonly spaces: readonly Uuid[];
  readonly segment: SealedSegment;
}

/** A segment that comes to another space as well keeps its key and name: the same bytes serve both. */
export function putSeal(commit: Commit, { spaces, segment }: KnownSeal): Commit {
  const stored: StoredSeal = { spaces, record: toHex(encodeSealedSegment(segment)) };
  return commit
    .put(sealedKey(segment.hash), canonicalJson(stored))
    .put(sealedNameKey(segment.name), canonicalJson(segment.hash));
}

/** Undefined for a segment that has never travelled. Errors: `JOURNAL_CORRUPT`. */
export async function readSeal(store: KeyValueStore, segment: string): Promise<KnownSeal | undefined> {
  const key = sealedKey(segment);
  const bytes = await store.get(key);
  return bytes && decodeSeal(key, bytes);
}

function decodeSeal(key: string, bytes: Uint8Array): KnownSeal {
  const { spaces, record } = readRecord<StoredSeal>(key, bytes);
  return { spaces, segment: decodeSealedSegment(fromHex(record)) };
}

/** The segment that travels under this name. Errors: `JOURNAL_CORRUPT`. */
export async function readSealOf(store: KeyValueStore, name: SealedName): Promise<KnownSeal | undefined> {
  const bytes = await store.get(sealedNameKey(name));
  return bytes && readSeal(store, JSON.parse(fromUtf8(bytes)) as SegmentHash);
}

/**
 * Notes of many segments that they travel in a space, each under what `seals` has for it unless it has a name already; what
 * is noted before is left as it is. `make` opens what was given.
 */
export async function noteSeals<T>(
  store: KeyValueStore,
  commit: Commit,
  space: Uuid,
  seals: ReadonlyMap<string, T>,
  make: (given: T) => SealedSegment,
): Promise<void> {
  const segments = [...seals.keys()];
  const keys = segments.map(sealedKey);
  const found = keys.length === 0 ? [] : await store.getMany(keys);
  for (const [i, segment] of segments.entries()) {
    const bytes = found[i];
    const known = bytes && readRecord<StoredSeal>(keys[i]!, bytes);
    if (known?.spaces.includes(space)) continue;
    const sealed = known ? decodeSealedSegment(fromHex(known.record)) : make(seals.get(segment)!);
    putSeal(commit, { spaces: [...(known?.spaces ?? []), space], segment: sealed });
  }
}

/** The seal of a segment in a space; `make` makes one for a segment that has none. */
export async function sealIn(
  store: KeyValueStore,
  commit: Commit,
  space: Uuid,
  segment: string,
  make: () => Promise<SealedSegment> | SealedSegment,
): Promise<SealedSegment> {
  const known = await readSeal(store, segment);
  if (known?.spaces.includes(space)) return known.segment;
  const sealed = known?.segment ?? (await make());
  putSealIn(commit, space, known, sealed);
  return sealed;
}

/** Notes that a segment is in a space, under the seal that it has already when there is one. */
export function putSealIn(commit: Commit, space: Uuid, known: KnownSeal | undefined, segment: SealedSegment): void {
  if (known?.spaces.includes(space)) return;
  putSeal(commit, { spaces: [...(known?.spaces ?? []), space], segment: known?.segment ?? segment });
}
