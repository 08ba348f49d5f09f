import { canonicalJson, readRecord } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import type { SealedName } from '#sync/segments/index.ts';

const HELD = 'relay-held/';

/** A sealed segment whose file, whole or in part, this relay has for others. */
export interface HeldSegment {
  readonly name: SealedName;
  /** Bytes of the whole file. */
  readonly fileBytes: number;
  readonly isWhole: boolean;
}

/** Written before there is a file and deleted after it is gone, so that no file is forgotten. */
export const putHeld = (store: KeyValueStore, held: HeldSegment): Promise<void> =>
  store.write(new Commit().put(HELD + held.name, canonicalJson(held)), { sync: !held.isWhole });

export const deleteHeld = (store: KeyValueStore, name: SealedName): Promise<void> =>
  store.write(new Commit().delete(HELD + name), { sync: false });

/** Undefined for what is not kept here. Errors: `JOURNAL_CORRUPT`. */
export async function readHeldOf(store: KeyValueStore, name: SealedName): Promise<HeldSegment | undefined> {
  const bytes = await store.get(HELD + name);
  return bytes && readRecord<HeldSegment>(HELD + name, bytes);
}

/** By name. Errors: `JOURNAL_CORRUPT`. */
export async function readHeld(store: KeyValueStore): Promise<Map<SealedName, HeldSegment>> {
  const held = new Map<SealedName, HeldSegment>();
  for await (const [key, bytes] of store.entries(prefixRange(HELD))) {
    const segment = readRecord<HeldSegment>(key, bytes);
    held.set(segment.name, segment);
  }
  return held;
}
