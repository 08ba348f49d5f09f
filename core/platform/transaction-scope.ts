import { AsyncLocalStorage } from 'node:async_hooks';
import { GranaryError } from '#core/kernel/index.ts';

/** Knows whether a call comes from within the work of a transaction of the same database. */
export interface TransactionScope {
  enter<T>(work: () => Promise<T>): Promise<T>;
  /** Errors: `INTERNAL` within a transaction, where the call would wait for itself or not see the transaction's rows. */
  assertOutside(): void;
}

export function createTransactionScope(): TransactionScope {
  const storage = new AsyncLocalStorage<true>();
  return {
    enter: (work) => storage.run(true, work),
    assertOutside() {
      if (!storage.getStore()) return;
      throw new GranaryError(
        'INTERNAL',
        'A database was called from within its own transaction; the connection of the transaction must be used.',
      );
    },
  };
}
