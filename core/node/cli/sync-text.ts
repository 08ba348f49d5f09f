import { countOf, formatCount } from './progress-bar.ts';
import { printable } from './render-rows.ts';

/** Digits of a fingerprint that tell the devices of one space apart: two groups of four. */
const FINGERPRINT_START = 9;

/** A device in a sentence. Names are anybody's choice, so the start of the fingerprint stands beside it. */
export const deviceText = ({ name, fingerprint }: { readonly name: string; readonly fingerprint: string }): string =>
  name === '' ? fingerprint : `${printable(name)} (${fingerprint.slice(0, FINGERPRINT_START)})`;

/** What a level lets a device do. */
export const LEVEL_TEXTS = {
  pull: 'carry the operations without reading them',
  read: 'read',
  write: 'read and write',
  manage: 'read, write and manage members',
} as const;

/**
 * A name as a word of a command that people copy. A name that a shell could take for more than a word came from
 * somebody else perhaps: there the other word stands.
 */
export function commandWord(name: string, otherwise: string): string {
  if (!/^[\p{L}\p{N}_][\p{L}\p{M}\p{N} ._-]*$/u.test(name)) return otherwise;
  return name.includes(' ') ? `"${name}"` : name;
}

/** Why operations or segments are not where they should be, by the words of the operations' outputs. */
const REASON_TEXTS: Readonly<Record<string, string>> = {
  invalid: 'damaged or wrongly signed',
  gap: 'an earlier one of the same log is missing',
  fork: 'their log has two continuations',
  forbidden: 'their author may not write here',
  quota: 'the author or the space has used up its room',
  pruned: 'came without what they say, and no snapshot that counts stands for it',
  malformed: 'not as they have to be',
  'sealed-wrongly': 'sealed under a key that does not fit',
  unauthorised: 'their author was not allowed to',
  void: 'made after their author was removed',
  size: 'longer than a change may be',
  empty: 'without any change',
  'gc-struct': 'a change that removes what stood before it',
  'skip-struct': 'a change that leaves a gap',
  content: 'a change of a kind that no field has',
  client: 'a change in the name of another device',
  clock: 'a change that does not follow the one before it',
  parent: 'a change of something that no asset has',
  value: 'a value that its field cannot have',
  origin: 'a change at a place that its author had not seen',
  'delete-range': 'a removal of what its author had not seen',
  'record-size': 'longer or deeper than a record may be',
  'record-malformed': 'a record that cannot be read',
  'record-invalid': 'a record with a value that it cannot have',
  'part-order': 'a part of a version that does not follow the one before it',
  order: 'another operation has their place in the log',
  'client-taken': 'a change in the name of another log',
  'waiting-full': 'too many of their log wait already',
  signature: 'their signatures are being checked',
  key: 'the key they are sealed under has not come',
  access: 'what their author had seen of the members has not come',
  snapshot: 'the snapshot that says what they amount to has not come',
  'left-out': 'in the bundle that this one goes on from',
  damaged: 'damaged in the bundle',
  'nobody-has': 'no device that has them was reached',
  unnamed: 'no asset that this device can read has these rows now',
  evicted: 'their rows were evicted here; granary fetch ASSET brings them back',
  fetching: 'another device is sending them',
  'no-peer': 'no other member could be reached',
  'too-few': 'too few members hold them',
  bound: 'this device has promised other members to keep them',
  'in-use': 'another asset of this node has the same rows',
  unshared: 'they are older than the sharing, and on this node alone',
  unwanted: 'this node takes only what is known about the asset; granary fetch ASSET changes that',
};

/** `3 operations (2 an earlier one …, 1 damaged …)`; undefined when nothing is counted. */
export function countByReason(reasons: Readonly<Record<string, number>>, noun: string): string | undefined {
  const entries = Object.entries(reasons).filter(([, count]) => count > 0);
  if (entries.length === 0) return undefined;
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  const texts = entries.map(([reason, count]) => {
    const text = Object.hasOwn(REASON_TEXTS, reason) ? REASON_TEXTS[reason]! : printable(reason);
    return entries.length === 1 ? text : `${formatCount(count)}: ${text}`;
  });
  return `${countOf(total, noun)} (${texts.join('; ')})`;
}

/** How one space stands between this node and a peer, in words. */
export function contactText(contact: {
  readonly isEqual: boolean;
  readonly isOffered: boolean;
  readonly missingHere: Readonly<Record<string, number>>;
  readonly missingThere: Readonly<Record<string, number>>;
}): string {
  if (contact.isEqual) return 'equal';
  if (!contact.isOffered) return 'not shared with this device: it may have been removed from the space';
  const here = countByReason(contact.missingHere, 'operation');
  const there = countByReason(contact.missingThere, 'operation');
  const sides = [...(here ? [`${here} missing here`] : []), ...(there ? [`${there} missing there`] : [])];
  return sides.length === 0 ? 'not equal: more came in meanwhile, the next session carries it' : sides.join(', ');
}
