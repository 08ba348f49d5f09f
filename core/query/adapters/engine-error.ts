import { GranaryError } from '#core/kernel/index.ts';

/** What the package puts before the engine's words. */
const EXTRACT_PREFIX = /^Failed to extract statements: /;
const INVALID = /^(?:Parser|Binder|Catalog|Syntax|Not implemented) Error/;
const FORBIDDEN = /^Permission Error/;
const INTERRUPTED = /^INTERRUPT Error/;

/**
 * An error of DuckDB in terms of the product, the engine's own words kept. What fails while a statement is parsed is
 * wrong SQL, what fails while it is planned may be, what fails while it runs is not.
 */
export function engineError(error: unknown, stage: 'parse' | 'plan' | 'run'): GranaryError {
  if (error instanceof GranaryError) return error;
  const message = (error instanceof Error ? error.message : String(error)).replace(EXTRACT_PREFIX, '').trimEnd();
  const options = { cause: error };
  if (INTERRUPTED.test(message)) return new GranaryError('CANCELLED', 'The query was cancelled.', {}, options);
  if (FORBIDDEN.test(message)) return new GranaryError('SQL_FORBIDDEN', message, {}, options);
  if (stage === 'parse' || (stage === 'plan' && INVALID.test(message))) {
    return new GranaryError('SQL_INVALID', message || 'There is no statement.', {}, options);
  }
  return new GranaryError('QUERY_FAILED', message, {}, options);
}
