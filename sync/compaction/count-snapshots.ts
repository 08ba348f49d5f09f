import { toHex } from '#core/kernel/index.ts';
import { type AccessState, type ControlOperation, includesLevel } from '#sync/access/index.ts';
import { orInvalid } from '#sync/log/index.ts';
import { ACKNOWLEDGE_SCHEMA, type AcknowledgeRecord, decodeAcknowledgeRecord } from './acknowledge-record.ts';

/**
 * Devices that must have come to the same state before bodies may go: a device that lies needs two more that lie with it.
 * Where only two can read, both; where one can, there are never enough, and nothing goes.
 */
export const SNAPSHOT_ACKNOWLEDGEMENTS = 3;

/** How many devices have to acknowledge a snapshot where so many can read. */
export const acknowledgementsNeeded = (readerCount: number): number =>
  readerCount === 2 ? 2 : SNAPSHOT_ACKNOWLEDGEMENTS;

/** Devices that can read, at the moment of an operation, or now. */
export function countReaders(access: AccessState, operationId?: Uint8Array): number {
  const levels = [...access.members.values()].map(({ device, level }) =>
    operationId ? access.levelAt(device, [operationId]) : level,
  );
  return levels.filter((level) => includesLevel(level, 'read')).length;
}

/** What some devices say of one snapshot in the same words. */
export interface SnapshotWord {
  /** Id of the snapshot, in hexadecimal digits. */
  readonly snapshot: string;
  readonly record: AcknowledgeRecord;
  /** By device, in hexadecimal digits, the ids of its acknowledgements. */
  readonly devices: ReadonlyMap<string, readonly Uint8Array[]>;
}

/**
 * What the acknowledgements say, in an order of its own. One is taken when its device could read at its own moment and no
 * revocation voids it. It depends on the operations alone, not on their order.
 */
export function readAcknowledgements(
  access: AccessState,
  operations: Iterable<ControlOperation>,
): readonly SnapshotWord[] {
  const words = new Map<string, SnapshotWord & { readonly devices: Map<string, Uint8Array[]> }>();
  for (const { id, author, logId, seq, schema, content } of operations) {
    if (schema !== ACKNOWLEDGE_SCHEMA) continue;
    const record = orInvalid(() => decodeAcknowledgeRecord(content));
    if (!record || access.isVoid(author, logId, seq, id)) continue;
    if (!includesLevel(access.levelAt(author, [id]), 'read')) continue;
    const key = toHex(content);
    const word = words.get(key) ?? { snapshot: toHex(record.snapshot.operationId), record, devices: new Map() };
    words.set(key, word);
    word.devices.set(toHex(author), [...(word.devices.get(toHex(author)) ?? []), id]);
  }
  return [...words.keys()].sort().map((key) => words.get(key)!);
}

/**
 * True when there are enough devices, as each of them saw it at its own moment: a snapshot of two devices counts on when a
 * third one joins them, and nobody can make it so by going back behind the grant of the third, which its own log holds.
 */
function isEnough(access: AccessState, { devices }: SnapshotWord): boolean {
  if (devices.size >= SNAPSHOT_ACKNOWLEDGEMENTS) return true;
  // Most words are those of one device: to find out how many could read at its moment takes long.
  if (devices.size < 2) return false;
  const enough = [...devices.values()].filter((ids) =>
    ids.some((id) => acknowledgementsNeeded(countReaders(access, id)) <= devices.size),
  );
  return enough.length === devices.size;
}

/** What is acknowledged by enough devices, by the id of the snapshot in hexadecimal digits. */
export function countSnapshots(
  access: AccessState,
  words: readonly SnapshotWord[],
): ReadonlyMap<string, AcknowledgeRecord> {
  const counted = new Map<string, AcknowledgeRecord>();
  // Should enough devices say two things of one snapshot, all nodes take the lesser.
  for (const word of words) {
    if (!counted.has(word.snapshot) && isEnough(access, word)) counted.set(word.snapshot, word.record);
  }
  return counted;
}
