import { MISSING_REASONS, type MissingReason } from './refusal.ts';

/**
 * How far a session has come, in both directions together, measured by the difference that the two sides found. Both
 * sides end with the same numbers. An operation counts as done once its receiver has stored or refused it.
 */
export interface SyncProgress {
  readonly operationsDone: number;
  readonly operationsTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** Operations that were sent and are not there, by reason. */
export type MissingCounts = ReadonlyMap<MissingReason, number>;

export interface Amount {
  readonly operationCount: number;
  readonly byteCount: number;
}

export class ProgressMeter {
  #progress: SyncProgress = { operationsDone: 0, operationsTotal: 0, bytesDone: 0, bytesTotal: 0 };
  #offeredBytes = 0;
  readonly #report: ((progress: SyncProgress) => void) | undefined;

  constructor(report: ((progress: SyncProgress) => void) | undefined) {
    this.#report = report;
  }

  get progress(): SyncProgress {
    return this.#progress;
  }

  /** See `SessionReport.offeredBytes`. */
  get offeredBytes(): number {
    return this.#offeredBytes;
  }

  /** What this side is going to send. */
  offer(amount: Amount): void {
    this.#offeredBytes += amount.byteCount;
    this.expect(amount);
  }

  expect({ operationCount, byteCount }: Amount): void {
    const { operationsTotal, bytesTotal, ...rest } = this.#progress;
    this.#set({
      ...rest,
      operationsTotal: operationsTotal + operationCount,
      bytesTotal: bytesTotal + byteCount,
    });
  }

  finish({ operationCount, byteCount }: Amount): void {
    const { operationsDone, bytesDone, ...rest } = this.#progress;
    this.#set({ ...rest, operationsDone: operationsDone + operationCount, bytesDone: bytesDone + byteCount });
  }

  #set(progress: SyncProgress): void {
    this.#progress = progress;
    this.#report?.(progress);
  }
}

export function addMissing(counts: Map<MissingReason, number>, reason: MissingReason, operationCount: number): void {
  if (operationCount > 0) counts.set(reason, (counts.get(reason) ?? 0) + operationCount);
}

/** As the wire has them: ascending by the number of the reason. */
export const listMissing = (counts: MissingCounts) =>
  [...counts]
    .sort(([left], [right]) => MISSING_REASONS[left] - MISSING_REASONS[right])
    .map(([reason, operationCount]) => ({ reason, operationCount }));
