import { type AbortOptions, canonicalJson, readRecord, type Uuid } from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { spaceKey, SPACES } from './space-keys.ts';

/** A space that this device is, or was, a member of. What the space itself says stands in its control logs. */
export interface SpaceRecord {
  readonly space: Uuid;
  /** Id of the operation that founded it, 64 hexadecimal digits; names the space towards peers. */
  readonly genesisId: string;
  /** Public key of the device that founded it, 64 hexadecimal digits. */
  readonly founder: string;
  /** The name it was founded or joined under; unique on this node. */
  readonly name: string;
  /** Milliseconds since the UNIX epoch. */
  readonly addedAt: number;
}

export const putSpaceRecord = (commit: Commit, record: SpaceRecord): Commit =>
  commit.put(spaceKey(record.space), canonicalJson(record));

/** In the order of their ids. Errors: `JOURNAL_CORRUPT`. */
export async function readSpaceRecords(store: KeyValueStore, options?: AbortOptions): Promise<SpaceRecord[]> {
  const records: SpaceRecord[] = [];
  for await (const [key, bytes] of store.entries(prefixRange(SPACES), options)) records.push(readRecord(key, bytes));
  return records;
}
