import { type LogName, logPath, type SeqRange } from '#sync/log/index.ts';
import { type AcknowledgeRecord, isWithin } from './acknowledge-record.ts';

/** True for a place in a log that some snapshot covers. */
export type Coverage = (log: LogName, seq: number) => boolean;

export function createCoverage(records: Iterable<Pick<AcknowledgeRecord, 'covered'>>): Coverage {
  const byLog = new Map<string, (readonly SeqRange[])[]>();
  for (const { covered } of records) {
    for (const { author, logId, ranges } of covered) {
      const path = logPath(author, logId);
      byLog.set(path, [...(byLog.get(path) ?? []), ranges]);
    }
  }
  return ({ author, logId }, seq) =>
    byLog.get(logPath(author, logId))?.some((ranges) => isWithin(ranges, seq)) ?? false;
}

/** How many operations a snapshot covers. */
export const coveredCount = ({ covered }: Pick<AcknowledgeRecord, 'covered'>): number =>
  covered.reduce(
    (sum, { ranges }) => sum + ranges.reduce((count, { seqStart, seqEnd }) => count + seqEnd - seqStart + 1, 0),
    0,
  );

/** True when `record` covers all that `other` does. */
export function coversAll(
  record: Pick<AcknowledgeRecord, 'covered'>,
  other: Pick<AcknowledgeRecord, 'covered'>,
): boolean {
  const mine = new Map(record.covered.map(({ author, logId, ranges }) => [logPath(author, logId), ranges]));
  return other.covered.every(({ author, logId, ranges }) => {
    const there = mine.get(logPath(author, logId)) ?? [];
    return ranges.every(({ seqStart, seqEnd }) =>
      there.some((range) => range.seqStart <= seqStart && seqEnd <= range.seqEnd),
    );
  });
}
