import { GranaryError } from '#core/kernel/index.ts';

/** What an engine said about a statement it refused. */
export interface EngineError {
  readonly message: string;
  /** SQLSTATE: PostgreSQL 18 manual, appendix A. */
  readonly sqlState: string;
}

/**
 * The refusal as the product's own error: `DISK_FULL`, `CATALOG_UNREACHABLE` when the server went away, `QUERY_FAILED`
 * for the rest. The engine's `detail` is left out: it quotes row values.
 */
export function sqlError({ message, sqlState }: EngineError): GranaryError {
  const details = { sqlState };
  if (sqlState === '53100') {
    return new GranaryError('DISK_FULL', 'The disk of the database is full. Free some space and try again.', details);
  }
  if (/^(08|57P)/.test(sqlState)) {
    return new GranaryError(
      'CATALOG_UNREACHABLE',
      `The database ended the connection: ${message}. Try again.`,
      details,
    );
  }
  return new GranaryError('QUERY_FAILED', `The database refused a statement: ${message} (${sqlState}).`, details);
}
