import { GranaryError } from '#core/kernel/index.ts';

/** Parameters of one statement: PostgreSQL's protocol counts them in 16 bits. */
export const SQL_PARAMETERS_MAX = 65_535;

/** Errors: `QUERY_FAILED` for text the protocol cannot carry, `LIMIT_EXCEEDED` for too many parameters. */
export function assertStatement(text: string, parameterCount = 0): void {
  if (text.includes('\0')) {
    throw new GranaryError('QUERY_FAILED', 'A statement holds the character U+0000, which SQL text cannot have.');
  }
  if (parameterCount > SQL_PARAMETERS_MAX) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `A statement has ${parameterCount} parameters; at most ${SQL_PARAMETERS_MAX} fit. Send the rows by copyIn.`,
      { limit: SQL_PARAMETERS_MAX },
    );
  }
}

/** Table and columns are SQL text, already quoted. */
export function copyInStatement(table: string, columns: readonly string[]): string {
  const statement = `COPY ${table} (${columns.join(', ')}) FROM STDIN`;
  assertStatement(statement);
  return statement;
}

export function copyOutStatement(select: string, format: 'text' | 'binary'): string {
  const statement = `COPY (${select}) TO STDOUT (FORMAT ${format})`;
  assertStatement(statement);
  return statement;
}

/** PostgreSQL answers COMMIT with a rollback when a statement before it failed and the caller went on. */
export const transactionLost = (): GranaryError =>
  new GranaryError('QUERY_FAILED', 'The transaction was rolled back, because one of its statements had failed.');
