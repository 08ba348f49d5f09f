import { GranaryError } from './errors.ts';

/** Every call that can take long accepts this as its last argument. */
export interface AbortOptions {
  readonly signal?: AbortSignal | undefined;
}

const cancelled = (signal: AbortSignal) =>
  signal.reason instanceof GranaryError
    ? signal.reason
    : new GranaryError('CANCELLED', 'The work was cancelled.', {}, { cause: signal.reason });

/** Throws `CANCELLED` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(signal);
}

/**
 * Waits for `work` or for the signal, whichever comes first. A result that arrives after the abort is handed to
 * `release`, so that nothing leaks. Errors: `CANCELLED`.
 */
export async function raceAbort<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  release?: (late: T) => void,
): Promise<T> {
  if (!signal) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(cancelled(signal));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } catch (error) {
    if (signal.aborted) work.then(release, () => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
