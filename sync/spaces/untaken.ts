/** Assets of which the catalog cannot take in what a space says, and why. */
import { canonicalJson, readRecord, type Uuid } from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { untakenKey, untakenPrefix } from './space-keys.ts';

/** Reasons that are told at one time: a member may make any number of assets that cannot be taken in. */
const UNTAKEN_TOLD_MAX = 1000;

/** @param fault why an asset was not taken in; undefined when it was */
export const noteTaken = (commit: Commit, space: Uuid, asset: Uuid, fault: string | undefined): Commit =>
  fault === undefined
    ? commit.delete(untakenKey(space, asset))
    : commit.put(untakenKey(space, asset), canonicalJson(fault));

/** By asset; the first thousand. Errors: `JOURNAL_CORRUPT`. */
export async function readUntaken(store: KeyValueStore, space: Uuid): Promise<Map<Uuid, string>> {
  const prefix = untakenPrefix(space);
  const faults = new Map<Uuid, string>();
  for await (const [key, bytes] of store.entries({ ...prefixRange(prefix), limit: UNTAKEN_TOLD_MAX })) {
    faults.set(key.slice(prefix.length) as Uuid, readRecord<string>(key, bytes));
  }
  return faults;
}
