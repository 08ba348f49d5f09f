import type { DuckDBConnection } from '@duckdb/node-api';
import { GranaryError } from '#core/kernel/index.ts';
import { type CheckedStatement, checkStatement, SQL_BYTE_COUNT_MAX } from '../check-statement.ts';
import { type ExplainSplit, splitExplain } from '../split-explain.ts';
import { engineError } from './engine-error.ts';

export interface ParsedStatement extends CheckedStatement {
  readonly explain: ExplainSplit['mode'];
  /** The SELECT itself. */
  readonly body: string;
  /** As the engine's parser wrote it. */
  readonly tree: unknown;
  /** Names of assets: what stands in FROM and is no common table expression there. */
  readonly assetNames: readonly string[];
}

/** Parses with the engine's own parser and lets pass what {@link checkStatement} allows. Errors: `SQL_INVALID`, `SQL_FORBIDDEN`. */
export async function parseSql(connection: DuckDBConnection, sql: string): Promise<ParsedStatement> {
  const byteCount = Buffer.byteLength(sql);
  if (byteCount > SQL_BYTE_COUNT_MAX) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `The statement has ${byteCount} bytes; at most ${SQL_BYTE_COUNT_MAX} are read.`,
      {
        limit: SQL_BYTE_COUNT_MAX,
      },
    );
  }
  if (sql.includes('\0')) throw new GranaryError('SQL_INVALID', 'The statement holds a zero character.');
  try {
    const whole = await connection.extractStatements(sql);
    if (whole.count === 0) throw new GranaryError('SQL_INVALID', 'There is no statement.');
    if (whole.count > 1) {
      const message = `The text holds ${whole.count} statements. Only one SELECT, SHOW TABLES, DESCRIBE or EXPLAIN is allowed.`;
      throw new GranaryError('SQL_FORBIDDEN', message);
    }
    const { mode, body } = splitExplain(sql);
    const { count } = mode === 'none' ? whole : await connection.extractStatements(body);
    const tree = await parseTree(connection, body);
    const checked = checkStatement({ statementCount: count, tree });
    if (checked.kind === 'show tables' && mode !== 'none') {
      throw new GranaryError('SQL_FORBIDDEN', 'SHOW TABLES has no plan to explain.');
    }
    return { ...checked, explain: mode, body, tree, assetNames: assetNames(connection, body, checked) };
  } catch (error) {
    throw engineError(error, 'parse');
  }
}

async function parseTree(connection: DuckDBConnection, sql: string): Promise<unknown> {
  const options = 'skip_null := true, skip_empty := true';
  const reader = await connection.runAndReadAll(`SELECT json_serialize_sql($1::VARCHAR, ${options})`, [sql]);
  return JSON.parse(String(reader.getRows()[0]?.[0]));
}

/** The engine knows the scopes of common table expressions: a name that is one everywhere is no asset. */
function assetNames(connection: DuckDBConnection, sql: string, checked: CheckedStatement): readonly string[] {
  if (checked.cteNames.size === 0) return checked.tableNames;
  const read = new Set(connection.getTableNames(sql, false).map((name) => name.toLowerCase()));
  return checked.tableNames.filter((name) => !checked.cteNames.has(name.toLowerCase()) || read.has(name.toLowerCase()));
}
