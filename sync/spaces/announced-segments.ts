/**
 * The sealed segments that the members of a space have announced. An announcement is an operation of a data log whose body is
 * an envelope as it is, not a sealed one: devices without a key learn from it what to keep for the others.
 */
import { canonicalJson, readRecord, toHex, type Uuid } from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { type AccessState, includesLevel } from '#sync/access/index.ts';
import { orInvalid, type SignedOperation } from '#sync/log/index.ts';
import { type AnnouncedSegment, decodeAnnouncement, type SealedName, SEGMENTS_SCHEMA } from '#sync/segments/index.ts';
import { readEnvelope } from './control-operation.ts';
import {
  announcedCountKey,
  announcedNameKey,
  announcedNamePrefix,
  announcedPrefix,
  announcedSlotKey,
} from './space-keys.ts';

/**
 * Announcements of one device that a relay keeps in mind in one space; of more, the oldest are forgotten: a sensor's segment
 * a minute for six weeks, and some 20 MB of memory while it is chosen what to hold.
 */
export const ANNOUNCED_PER_DEVICE_MAX = 65_536;

/** The head of an envelope, an array of eight; that of a sealed body is of four. */
const ENVELOPE_HEAD = 0x88;

/** A sealed segment that members of a space are to be able to fetch from relays. */
export interface KnownAnnouncement extends AnnouncedSegment {
  /** The device that announced it, 64 hexadecimal digits. */
  readonly author: string;
  /** When that was by its clock, in milliseconds since the UNIX epoch. */
  readonly at: number;
}

/** What an operation of a data log announces; undefined when it is no announcement. */
export function readAnnouncement({ header, body }: SignedOperation, space: Uuid): KnownAnnouncement[] | undefined {
  if (body?.[0] !== ENVELOPE_HEAD) return undefined;
  const envelope = readEnvelope(body, space);
  if (envelope?.schema !== SEGMENTS_SCHEMA || envelope.content.kind !== 'record') return undefined;
  const { clock, content } = envelope;
  const author = toHex(header.publicKey);
  const segments = orInvalid(() => decodeAnnouncement(content.bytes));
  return segments?.map(({ name, byteCount }) => ({ name, byteCount, author, at: clock.wall }));
}

/**
 * Whether an announcement counts. What its author had seen of the members stands in sealed operations, so that here counts
 * what it may do now: a device that may write, or one that was removed, of what lies before its removal.
 */
export function mayAnnounce(access: AccessState, { id, header }: SignedOperation): boolean {
  const { publicKey: author, seq, extensions } = header;
  const member = access.members.get(toHex(author));
  if (!member || !extensions || access.isVoid(author, extensions.logId, seq, id)) return false;
  return member.level === null || includesLevel(member.level, 'write');
}

/**
 * Those of the segments that are not announced in a space yet, as far as this node knows: a name that somebody has announced with
 * another size is not.
 */
export async function filterUnannounced<T extends AnnouncedSegment>(
  store: KeyValueStore,
  space: Uuid,
  segments: readonly T[],
): Promise<T[]> {
  const known = await store.getMany(segments.map(({ name, byteCount }) => announcedNameKey(name, space, byteCount)));
  return segments.filter((_, i) => !known[i]);
}

/** Takes note of what is announced, on a node that knows from elsewhere what it wants of it. */
export const putAnnounced = (commit: Commit, space: Uuid, { name, byteCount }: AnnouncedSegment): Commit =>
  commit.put(announcedNameKey(name, space, byteCount), new Uint8Array());

/**
 * Takes note of what one device announces, on a node that chooses by it what to hold: in as many slots as a device has, one
 * after another. `segments` are fewer than those. Of each name all sizes are kept: who does not know the segment cannot tell
 * which one is true before it comes.
 */
export async function takeAnnounced(
  store: KeyValueStore,
  commit: Commit,
  space: Uuid,
  author: string,
  segments: readonly KnownAnnouncement[],
): Promise<void> {
  const countKey = announcedCountKey(space, author);
  const countBytes = await store.get(countKey);
  let count = countBytes ? readRecord<number>(countKey, countBytes) : 0;
  // Whatever is known of a name without a slot was learned by reading the space.
  const keys = segments.map(({ name, byteCount }) => announcedNameKey(name, space, byteCount));
  const known = await store.getMany(keys);
  const taken = new Set<string>();
  for (const [i, segment] of segments.entries()) {
    const key = keys[i]!;
    if ((known[i]?.length ?? 0) > 0 || taken.has(key)) continue;
    taken.add(key);
    const slot = announcedSlotKey(space, author, count % ANNOUNCED_PER_DEVICE_MAX);
    const before = count < ANNOUNCED_PER_DEVICE_MAX ? undefined : await store.get(slot);
    if (before) {
      const { name, byteCount } = readRecord<KnownAnnouncement>(slot, before);
      commit.delete(announcedNameKey(name, space, byteCount));
    }
    commit.put(slot, canonicalJson(segment)).put(key, canonicalJson(slot));
    count += 1;
  }
  if (taken.size > 0) commit.put(countKey, canonicalJson(count));
}

/** What the slots of a space hold. Errors: `JOURNAL_CORRUPT`. */
export async function* readAnnounced(store: KeyValueStore, space: Uuid): AsyncIterable<KnownAnnouncement> {
  for await (const [key, bytes] of store.entries(prefixRange(announcedPrefix(space)))) yield readRecord(key, bytes);
}

/** Forgets an announcement whose segment is not what it says; it can be made once more. */
export async function forgetAnnounced(
  store: KeyValueStore,
  commit: Commit,
  space: Uuid,
  { name, byteCount }: AnnouncedSegment,
): Promise<void> {
  const key = announcedNameKey(name, space, byteCount);
  const slot = await store.get(key);
  if (!slot) return;
  if (slot.length > 0) commit.delete(readRecord<string>(key, slot));
  commit.delete(key);
}

/** The spaces in which a name is announced, with whatever size. */
export async function spacesAnnouncing(store: KeyValueStore, name: SealedName): Promise<Uuid[]> {
  const prefix = announcedNamePrefix(name);
  const spaces = new Set<Uuid>();
  for await (const [key] of store.entries(prefixRange(prefix))) {
    spaces.add(key.slice(prefix.length, key.lastIndexOf('/')) as Uuid);
  }
  return [...spaces];
}
