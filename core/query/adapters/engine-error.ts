import { GranaryError } from '#core/kernel/index.ts';

const INVALID = /^(?:Parser|Binder|Catalog|Syntax|Not implemented) Error/;
const FORBIDDEN = /^Permission Error/;
const INTERRUPTED = /^INTERRUPT Error/;

/**
 * An error of DuckDB in terms of the product, the engine's own words kept. `isPrepared` says that the statement was
 * understood before: what fails then fails while it runs.
 */
export function engineError(error: unknown, isPrepared: boolean): GranaryError {
  if (error instanceof GranaryError) return error;
  const message = (error instanceof Error ? error.message : String(error)).trimEnd();
  const options = { cause: error };
  if (INTERRUPTED.test(message)) return new GranaryError('CANCELLED', 'The query was cancelled.', {}, options);
  if (FORBIDDEN.test(message)) return new GranaryError('SQL_FORBIDDEN', message, {}, options);
  if (!isPrepared && INVALID.test(message)) return new GranaryError('SQL_INVALID', message, {}, options);
  return new GranaryError('QUERY_FAILED', message, {}, options);
}
