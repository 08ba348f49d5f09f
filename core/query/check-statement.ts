import { GranaryError } from '#core/kernel/index.ts';
import { FUNCTIONS_ALLOWED, TABLE_FUNCTIONS_ALLOWED } from './allowed-functions.ts';

/** What the engine's parser says of a statement; nothing is bound or looked up yet. */
export interface ParsedSql {
  /** How many statements the text holds. */
  readonly statementCount: number;
  /** The engine's parse tree of a SELECT (DuckDB's `json_serialize_sql`), or its refusal to write one. */
  readonly tree: unknown;
}

/** What a statement that may run needs. */
export interface CheckedStatement {
  readonly kind: 'select' | 'show tables';
  /** Names in FROM as written, each spelling once; some may mean common table expressions. */
  readonly tableNames: readonly string[];
  /** Names of common table expressions, in lower case. */
  readonly cteNames: ReadonlySet<string>;
}

type Json = { readonly [key: string]: unknown };

const QUERY_NODES = new Set(['SELECT_NODE', 'SET_OPERATION_NODE', 'RECURSIVE_CTE_NODE', 'CTE_NODE']);

const TABLE_REFERENCES = new Set([
  'BASE_TABLE',
  'COLUMN_DATA',
  'EMPTY',
  'EXPRESSION_LIST',
  'JOIN',
  'PIVOT',
  'SHOW_REF',
  'SUBQUERY',
]);

const EXPRESSION_CLASSES = new Set([
  'BETWEEN',
  'CASE',
  'CAST',
  'COLLATE',
  'COLUMN_REF',
  'COMPARISON',
  'CONJUNCTION',
  'CONSTANT',
  'FUNCTION',
  'LAMBDA',
  'OPERATOR',
  'POSITIONAL_REFERENCE',
  'STAR',
  'SUBQUERY',
  'TYPE',
  'WINDOW',
]);

const MODIFIERS = new Set(['ORDER_MODIFIER', 'LIMIT_MODIFIER', 'LIMIT_PERCENT_MODIFIER', 'DISTINCT_MODIFIER']);

/** Relations that the engine offers without being asked. A common table expression may not take such a name either. */
const SYSTEM_RELATION = /^(?:duckdb_|pragma_|pg_|sqlite_|information_schema|__)/i;

export const isSystemRelation = (name: string): boolean => SYSTEM_RELATION.test(name);

/** Deeper trees are refused: every level costs the engine's binder a stack frame. */
export const STATEMENT_DEPTH_MAX = 1000;

/** Longer statements are refused: the parse tree takes some hundred times the text. */
export const SQL_BYTE_COUNT_MAX = 2 ** 20;

const forbidden = (what: string, details: Readonly<Record<string, string | number>> = {}): GranaryError =>
  new GranaryError('SQL_FORBIDDEN', `${what} Only one SELECT, SHOW TABLES, DESCRIBE or EXPLAIN is allowed.`, details);

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Decides from the parse tree alone whether a statement may run: one SELECT (SHOW TABLES, DESCRIBE and SUMMARIZE parse
 * to one), made of known nodes, calling allowed functions, naming tables without catalog or schema. What is not known to
 * be harmless is refused. Errors: `SQL_INVALID`, `SQL_FORBIDDEN`.
 */
export function checkStatement(parsed: ParsedSql): CheckedStatement {
  const { tree } = parsed;
  if (!isJson(tree)) throw forbidden('The statement could not be read.');
  if (tree.error === true) {
    const message = String(tree.error_message ?? '');
    if (tree.error_type === 'not implemented') throw forbidden('The statement is not a query.');
    throw new GranaryError('SQL_INVALID', message);
  }
  const { statements } = tree;
  if (!Array.isArray(statements) || statements.length !== parsed.statementCount || statements.length !== 1) {
    throw forbidden(`The text holds ${parsed.statementCount} statements.`);
  }
  const statement: unknown = statements[0];
  if (!isJson(statement) || !isJson(statement.node)) throw forbidden('The statement could not be read.');
  const shown = shownTables(statement.node);
  if (shown) return { kind: 'show tables', tableNames: [], cteNames: new Set() };
  const walk: Walk = { tableNames: new Set(), cteNames: new Set() };
  visit(statement, '', walk, 0);
  for (const name of walk.cteNames) {
    if (isSystemRelation(name)) throw forbidden(`A common table expression may not be called "${name}".`, { name });
  }
  return { kind: 'select', tableNames: [...walk.tableNames], cteNames: walk.cteNames };
}

/** True for the tree that `SHOW TABLES` alone parses to. */
function shownTables(node: Json): boolean {
  const from = node.from_table;
  return isJson(from) && from.type === 'SHOW_REF' && from.table_name === '"tables"' && !('where_clause' in node);
}

interface Walk {
  readonly tableNames: Set<string>;
  readonly cteNames: Set<string>;
}

/** Visits every value of the tree; `key` is the name under which it hangs. */
function visit(value: unknown, key: string, walk: Walk, depth: number): void {
  if (depth > STATEMENT_DEPTH_MAX) {
    throw new GranaryError('LIMIT_EXCEEDED', `The statement is nested more than ${STATEMENT_DEPTH_MAX} levels deep.`, {
      limit: STATEMENT_DEPTH_MAX,
    });
  }
  if (Array.isArray(value)) {
    for (const item of value) visit(item, key, walk, depth + 1);
    return;
  }
  if (!isJson(value)) return;
  if (typeof value.class === 'string') {
    if (!checkExpression(value)) return;
  } else if (key === 'cte_map') visitCommonTables(value, walk);
  else if (value.type === 'TABLE_FUNCTION') return visitTableFunction(value, walk, depth);
  else if (typeof value.type === 'string') checkTyped(value, key, walk);
  for (const [name, child] of Object.entries(value)) visit(child, name, walk, depth + 1);
}

function visitCommonTables(map: Json, walk: Walk): void {
  if (!Array.isArray(map.map)) return;
  for (const entry of map.map as unknown[]) {
    if (isJson(entry) && typeof entry.key === 'string') walk.cteNames.add(entry.key.toLowerCase());
  }
}

/** Returns whether the children are to be visited. */
function checkExpression(expression: Json): boolean {
  const name = String(expression.class);
  if (name === 'PARAMETER') throw forbidden('The statement has a parameter; write the value in its place.');
  if (!EXPRESSION_CLASSES.has(name)) throw forbidden(`The statement has an expression of class ${name}.`);
  if (name === 'FUNCTION' || name === 'WINDOW') checkFunction(expression, FUNCTIONS_ALLOWED);
  // What hangs under a constant is a value of the caller's, and may look like anything.
  return name !== 'CONSTANT';
}

function checkFunction(expression: Json, allowed: ReadonlySet<string>): void {
  const name = String(expression.function_name).toLowerCase();
  if (!allowed.has(name)) throw forbidden(`The function "${name}" may not be called.`, { function: name });
}

/** Query nodes, table references and result modifiers carry a `type` and no `class`. */
function checkTyped(value: Json, key: string, walk: Walk): void {
  const type = String(value.type);
  if (type === 'BASE_TABLE') checkBaseTable(value, walk);
  else if (type === 'SHOW_REF') checkShow(value);
  else if (TABLE_REFERENCES.has(type) || QUERY_NODES.has(type) || MODIFIERS.has(type)) {
    if (type === 'RECURSIVE_CTE_NODE' || type === 'CTE_NODE') {
      if (typeof value.cte_name === 'string') walk.cteNames.add(value.cte_name.toLowerCase());
    }
  } else if (!PLAIN_TYPED_KEYS.has(key)) throw forbidden(`The statement has a part of type ${type}.`);
}

/** Keys under which a `type` describes a data type, an order or a sample and not a part that could act. */
const PLAIN_TYPED_KEYS = new Set(['orders', 'cast_type', 'type_info', 'sample', 'sample_size', 'pivots']);

function checkBaseTable(reference: Json, walk: Walk): void {
  const name = String(reference.table_name);
  if (reference.catalog_name || (reference.schema_name && reference.schema_name !== 'main')) {
    throw forbidden(`The table "${name}" is named with a catalog or schema.`, { name });
  }
  if (reference.at_clause) throw forbidden('AT is not understood; ask for another version with the call.');
  walk.tableNames.add(name);
}

/** The call in FROM has a list of its own; its arguments are expressions like any other. */
function visitTableFunction(reference: Json, walk: Walk, depth: number): void {
  const { function: call, ...rest } = reference;
  if (!isJson(call) || call.class !== 'FUNCTION') throw forbidden('A table function could not be read.');
  checkFunction(call, TABLE_FUNCTIONS_ALLOWED);
  for (const [name, child] of [...Object.entries(call), ...Object.entries(rest)]) visit(child, name, walk, depth + 1);
}

function checkShow(reference: Json): void {
  if (reference.show_type !== 'DESCRIBE' && reference.show_type !== 'SUMMARY') {
    throw forbidden('SHOW may list the tables or describe one.');
  }
  if (!isJson(reference.query)) throw forbidden('SHOW may list the tables or describe one.');
}
