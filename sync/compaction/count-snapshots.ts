import { toHex } from '#core/kernel/index.ts';
import { type AccessState, type ControlOperation, includesLevel } from '#sync/access/index.ts';
import { orInvalid } from '#sync/log/index.ts';
import { ACKNOWLEDGE_SCHEMA, decodeAcknowledgeRecord } from './acknowledge-record.ts';

/**
 * Devices that must have come to the same state before bodies may go: a device that lies needs two more that lie with it.
 * In smaller spaces all who can read; where only one can, nothing goes.
 */
export const SNAPSHOT_ACKNOWLEDGEMENTS = 3;

/** How many devices have to acknowledge a snapshot in a space with so many readers; Infinity when no number is enough. */
export const acknowledgementsNeeded = (readerCount: number): number =>
  readerCount < 2 ? Infinity : Math.min(SNAPSHOT_ACKNOWLEDGEMENTS, readerCount);

/**
 * The state hashes, by snapshot, in hexadecimal digits, of the snapshots that count. An acknowledgement counts when its device
 * could read at its own moment and no revocation voids it; each device counts once. It depends on the operations alone,
 * not on their order.
 */
export function countSnapshots(
  access: AccessState,
  operations: Iterable<ControlOperation>,
): ReadonlyMap<string, string> {
  const devices = new Map<string, Set<string>>();
  for (const { id, author, logId, seq, schema, content } of operations) {
    if (schema !== ACKNOWLEDGE_SCHEMA) continue;
    const record = orInvalid(() => decodeAcknowledgeRecord(content));
    if (!record || access.isVoid(author, logId, seq, id)) continue;
    if (!includesLevel(access.levelAt(author, [id]), 'read')) continue;
    const key = `${toHex(record.snapshotId)}/${toHex(record.stateHash)}`;
    devices.set(key, (devices.get(key) ?? new Set()).add(toHex(author)));
  }
  const readers = [...access.members.values()].filter(({ level }) => includesLevel(level, 'read')).length;
  const needed = acknowledgementsNeeded(readers);
  const counted = new Map<string, string>();
  // Should there be two states of one snapshot with enough devices behind them, all nodes take the lesser hash.
  for (const key of [...devices.keys()].sort().reverse()) {
    const [snapshot = '', state = ''] = key.split('/');
    if (devices.get(key)!.size >= needed) counted.set(snapshot, state);
  }
  return counted;
}
