import type { AccessState, ControlOperation } from '#sync/access/index.ts';
import {
  type AcknowledgeRecord,
  type Coverage,
  countSnapshots,
  createCoverage,
  readAcknowledgements,
  type SnapshotWord,
} from '#sync/compaction/index.ts';

/** What the members of a space have acknowledged, as far as the control operations that are here tell. */
export interface Acknowledged {
  readonly words: readonly SnapshotWord[];
  /** Snapshots with enough devices behind them, by id in hexadecimal digits. */
  readonly counted: ReadonlyMap<string, AcknowledgeRecord>;
  /** True where bodies may be missing. */
  readonly covers: Coverage;
}

export function readAcknowledged(access: AccessState, operations: Iterable<ControlOperation>): Acknowledged {
  const words = readAcknowledgements(access, operations);
  const counted = countSnapshots(access, words);
  return { words, counted, covers: createCoverage(counted.values()) };
}
