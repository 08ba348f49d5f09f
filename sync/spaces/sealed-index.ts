/**
 * Under which keys and names segments travel. What documents say of it is a claim: a writer may claim the name of another
 * segment, or a name that is none. So all that is claimed is kept, asset by asset, for whoever asks others for rows, and this
 * node serves under a name only what it has proved to be the segment of that name.
 */
import { canonicalJson, equalBytes, fromHex, readRecord, toHex, type Uuid } from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { decodeSealedSegment, encodeSealedSegment, type SealedName, type SealedSegment } from '#sync/segments/index.ts';
import { provedKey, provedPrefix, provedSegmentKey, sealedKey, sealedPrefix } from './space-keys.ts';

/**
 * Seals of a segment that are looked at beside those of the asset whose rows are wanted: others of the space may have the rows
 * under another name, and one writer can claim as many as it likes.
 */
const OTHER_SEALS_MAX = 8;

/** A segment of an asset in a space. */
export interface SealPlace {
  readonly space: Uuid;
  readonly asset: Uuid;
  readonly segment: string;
}

const decodeRecord = (digits: string): SealedSegment => decodeSealedSegment(fromHex(digits));
const encodeRecord = (segment: SealedSegment): string => toHex(encodeSealedSegment(segment));

/** How the document of an asset says that a segment is sealed, in the order in which it says so. Errors: `JOURNAL_CORRUPT`. */
export async function readSeals(
  store: KeyValueStore,
  { space, asset, segment }: SealPlace,
): Promise<readonly SealedSegment[]> {
  const key = sealedKey(segment, space, asset);
  const bytes = await store.get(key);
  return bytes ? readRecord<string[]>(key, bytes).map(decodeRecord) : [];
}

/** The same, and behind it how other assets of the space say it, each name once. Errors: `JOURNAL_CORRUPT`. */
export async function readAllSeals(store: KeyValueStore, place: SealPlace): Promise<readonly SealedSegment[]> {
  const own = await readSeals(store, place);
  const others = new Map<SealedName, SealedSegment>();
  for await (const [key, bytes] of store.entries({
    ...prefixRange(sealedPrefix(place.segment, place.space)),
    limit: OTHER_SEALS_MAX,
  })) {
    for (const seal of readRecord<string[]>(key, bytes).map(decodeRecord)) others.set(seal.name, seal);
  }
  for (const { name } of own) others.delete(name);
  return [...own, ...[...others.values()].slice(0, OTHER_SEALS_MAX)];
}

/** The segment that this node has proved to travel under a name. Errors: `JOURNAL_CORRUPT`. */
export async function readProved(store: KeyValueStore, name: SealedName): Promise<SealedSegment | undefined> {
  const key = provedKey(name);
  const bytes = await store.get(key);
  return bytes && decodeRecord(readRecord<string>(key, bytes));
}

/** All seals of a segment that this node has proved, in whatever space. */
export async function readProvedSeals(store: KeyValueStore, segment: string): Promise<SealedSegment[]> {
  const seals: SealedSegment[] = [];
  const prefix = provedPrefix(segment);
  for await (const [key] of store.entries(prefixRange(prefix))) {
    const seal = await readProved(store, key.slice(prefix.length) as SealedName);
    if (seal) seals.push(seal);
  }
  return seals;
}

/** Those seals of a segment that the document of an asset has and this node has proved. */
export async function readToldSeals(store: KeyValueStore, place: SealPlace): Promise<SealedSegment[]> {
  const told: SealedSegment[] = [];
  for (const seal of await readSeals(store, place)) if (await isProved(store, seal)) told.push(seal);
  return told;
}

export async function isProved(store: KeyValueStore, seal: SealedSegment): Promise<boolean> {
  const proved = await readProved(store, seal.name);
  return proved !== undefined && encodeRecord(proved) === encodeRecord(seal);
}

/**
 * Notes that the sealed file of this name is the one of the record: this node sealed the segment, received it under the name and
 * opened it, or sealed it once more and compared.
 */
export const putProved = (commit: Commit, seal: SealedSegment): Commit =>
  commit
    .put(provedKey(seal.name), canonicalJson(encodeRecord(seal)))
    .put(provedSegmentKey(seal.hash, seal.name), new Uint8Array());

/** What the documents of assets say of seals, by asset and then by segment. */
export type ClaimedSeals = ReadonlyMap<Uuid, ReadonlyMap<string, readonly Uint8Array[]>>;

/** Takes over what the documents of assets say now. */
export async function noteSeals(
  store: KeyValueStore,
  commit: Commit,
  space: Uuid,
  claimed: ClaimedSeals,
): Promise<void> {
  const notes = [...claimed].flatMap(([asset, seals]) =>
    [...seals].map(([segment, records]) => ({
      key: sealedKey(segment, space, asset),
      value: canonicalJson(records.map(toHex)),
    })),
  );
  const known = notes.length === 0 ? [] : await store.getMany(notes.map(({ key }) => key));
  for (const [i, { key, value }] of notes.entries()) {
    const before = known[i];
    if (!before || !equalBytes(before, value)) commit.put(key, value);
  }
}

/**
 * The seal under which this node tells a segment: the same in all spaces, so that the same bytes serve all of them. `make` seals
 * a segment that has none that was proved.
 */
export async function sealIn(
  store: KeyValueStore,
  commit: Commit,
  place: SealPlace,
  make: () => Promise<SealedSegment>,
): Promise<SealedSegment> {
  const [told] = await readToldSeals(store, place);
  if (told) return told;
  const seals = await readSeals(store, place);
  const [known] = await readProvedSeals(store, place.segment);
  const seal = known ?? (await make());
  if (!known) putProved(commit, seal);
  const records = [...seals, seal].map(encodeRecord);
  commit.put(sealedKey(place.segment, place.space, place.asset), canonicalJson(records));
  return seal;
}
