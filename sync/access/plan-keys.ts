/** Which key of a space to write under, and what has to be signed so that all readers and nobody else have it. */
import { equalBytes, toHex } from '#core/kernel/index.ts';
import type { AccessState, KeyEpoch, Member } from './access-state.ts';
import { includesLevel } from './level.ts';

/** Keys of void rotations that are handed to readers: a removed device could sign any number of them for others to share. */
export const VOID_KEYS_SHARED_MAX = 64;

/** What a device should sign. Several devices may come to the same plan: whoever has a greater rank waits longer. */
export type KeyPlan = {
  readonly readers: readonly Member[];
  readonly rank: number;
  /**
   * The operation that gave the device the key it hands on. What is signed has to come after it, and nobody else may
   * build on it: it may be void.
   */
  readonly seen: readonly Uint8Array[];
} & (
  | {
      /** A new key for all readers, handing on `previous` when this device has one. */
      readonly kind: 'rekey';
      readonly previous: KeyEpoch | undefined;
    }
  | {
      /** Keys for readers who lack them; all of one key that this device has. */
      readonly kind: 'share';
      readonly epoch: KeyEpoch;
    }
);

/** Members who may read, the most senior first. */
export const readersOf = ({ members }: AccessState): Member[] =>
  [...members.values()].filter(({ level }) => includesLevel(level, 'read'));

/**
 * The key to write under: the latest effective one that nobody can have but present readers. Of concurrent rotations every
 * node chooses the same. Undefined when a new key is needed first.
 */
export function writingKey(state: AccessState): KeyEpoch | undefined {
  const readers = new Set(readersOf(state).map(({ device }) => toHex(device)));
  return state.keys.find(({ isEffective, holders }) => isEffective && holders.isSubsetOf(readers));
}

/** The readers that cannot have a key, or have shown that they do not. */
export const readersWithout = (state: AccessState, { holders, lacking }: KeyEpoch): Member[] =>
  readersOf(state).filter(({ device }) => !holders.has(toHex(device)) || lacking.has(toHex(device)));

/**
 * What is to be signed next by a device that may; undefined when nothing is, when the device may not, or has not the key.
 * `opened` are the ids of the keys that the device could open: one that was sealed to it and does not open is nothing to
 * write under, and the new one is later, so that all take it. Readers get the key that is written under, and with it those before; and each rotation made at the same time as a later
 * one, or void by now, since nothing hands that on. What came before a withheld key is not shared.
 */
export function planKeys(
  state: AccessState,
  self: Uint8Array,
  opened: Pick<ReadonlySet<string>, 'has'>,
): KeyPlan | undefined {
  const device = toHex(self);
  const writers = readersOf(state).filter(({ level }) => includesLevel(level, 'write'));
  const isWriter = writers.some((member) => toHex(member.device) === device);
  if (!isWriter) return undefined;
  const seenOf = (epoch: KeyEpoch | undefined) => [epoch?.handedBy(self) ?? []].flat();
  const rankAmong = (able: readonly Member[]) => able.findIndex((member) => toHex(member.device) === device);
  const isOpened = ({ keyId }: KeyEpoch) => opened.has(toHex(keyId));
  const writing = writingKey(state);
  if (!writing || (writing.holders.has(device) && !isOpened(writing))) {
    const previous = state.keys.find((epoch) => epoch.isEffective && isOpened(epoch));
    return { kind: 'rekey', readers: readersOf(state), previous, rank: rankAmong(writers), seen: seenOf(previous) };
  }
  for (const epoch of [writing, ...sharedEpochs(state)]) {
    const without = readersWithout(state, epoch);
    const readersFor = (member: Member) => without.filter((reader) => isToShare(epoch, member, reader));
    const able = writers.filter((member) => !without.includes(member) && readersFor(member).length > 0);
    const rank = rankAmong(able);
    const readers = rank >= 0 && isOpened(epoch) ? readersFor(able[rank]!) : [];
    if (readers.length > 0) return { kind: 'share', epoch, readers, rank, seen: seenOf(epoch) };
  }
  return undefined;
}

/** Who sealed a key wrongly to a reader does not do so again. */
const isToShare = ({ author, holders }: KeyEpoch, { device }: Member, reader: Member): boolean =>
  !equalBytes(author, device) || !holders.has(toHex(reader.device));

/**
 * The keys that nothing hands on, the latest first, up to one that withholds what came before it. Last come those whose
 * rotation became void: members who had not heard of that have written under them.
 */
function sharedEpochs({ keys }: AccessState): KeyEpoch[] {
  const withholding = keys.findIndex(({ previous }) => previous && !previous.sealed);
  const shown = withholding === -1 ? keys : keys.slice(0, withholding + 1);
  const voids = shown.filter(({ isEffective }) => !isEffective).slice(0, VOID_KEYS_SHARED_MAX);
  const effective = shown.filter(({ isEffective }) => isEffective);
  const handedOn = new Set(effective.flatMap(({ previous }) => (previous ? [toHex(previous.keyId)] : [])));
  return [...effective, ...voids].filter(({ keyId }) => !handedOn.has(toHex(keyId)));
}
