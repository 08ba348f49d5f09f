import { GranaryError } from '#core/kernel/index.ts';
import type { VersionRecord } from './asset-version.ts';
import type { SegmentRef } from './ports.ts';

/**
 * Below this weight no checkpoint is worth a write: a reader gets through so many changes faster than the disk answers.
 */
export const CHECKPOINT_WEIGHT_MIN = 64;

/** What a reader spends on one version after a checkpoint: the record itself and each segment it names. */
export const deltaWeight = (change: Pick<VersionRecord, 'added' | 'removed'>): number =>
  1 + change.added.length + change.removed.length;

/**
 * Whether a version gets a checkpoint: when the changes since the last one weigh as much as the version itself. So all
 * checkpoints together are no larger than a constant times all changes, however many versions there are, and reading a
 * version costs no more than a constant times its size.
 */
export const isCheckpointDue = (weightSinceCheckpoint: number, segmentCount: number): boolean =>
  weightSinceCheckpoint >= Math.max(CHECKPOINT_WEIGHT_MIN, segmentCount);

/** The segments of a version, from those of its parent. Errors: `INPUT_INVALID` when a removed one is not there. */
export function applyChange(
  segments: readonly SegmentRef[],
  change: Pick<VersionRecord, 'added' | 'removed'>,
): SegmentRef[] {
  if (change.removed.length === 0) return [...segments, ...change.added];
  const due = new Map<string, number>();
  for (const id of change.removed) due.set(id, (due.get(id) ?? 0) + 1);
  const kept = segments.filter(({ id }) => {
    const count = due.get(id);
    if (count === undefined) return true;
    if (count === 1) due.delete(id);
    else due.set(id, count - 1);
    return false;
  });
  for (const id of due.keys()) {
    throw new GranaryError('INPUT_INVALID', `The segment "${id}" cannot be removed: the version does not hold it.`, {
      segmentId: id,
    });
  }
  return [...kept, ...change.added];
}
