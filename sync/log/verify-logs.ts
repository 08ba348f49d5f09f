import { type AbortOptions, throwIfAborted } from '#core/kernel/index.ts';
import type { LogStore, VerifyReport } from './log-store.ts';

export interface VerifyLogsDeps {
  readonly logs: Pick<LogStore, 'verifyNext'>;
  /**
   * Called between two batches, when `isIdle` because there is nothing to check: resolves when it is time to look again.
   * It ends the waiting when the signal fires.
   */
  readonly pause: (isIdle: boolean, options: AbortOptions) => Promise<void>;
  /** Hears of every batch, also of those that cut a log. */
  readonly onReport: (report: VerifyReport) => void;
}

/**
 * Checks signatures behind the ingest for as long as the node runs, one bounded batch after another, each of another log
 * where several wait. Ends by the signal alone. Errors: `CANCELLED`, `STORE_DAMAGED`, those of the store.
 */
export async function verifyLogs(
  { logs, pause, onReport }: VerifyLogsDeps,
  { signal }: Required<AbortOptions>,
): Promise<never> {
  for (;;) {
    throwIfAborted(signal);
    const report = await logs.verifyNext({ signal });
    if (report) onReport(report);
    await pause(!report, { signal });
  }
}
