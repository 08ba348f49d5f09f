import type { ScanFilter, StatisticsValue } from '#core/catalog/index.ts';

/** A place in the engine's plan where a function of ours is scanned. */
export interface PlannedScan {
  /** Name of the function, as it was registered. */
  readonly functionName: string;
  readonly columns: readonly string[];
  /** Conjuncts that were understood, by internal column name. Bounds are the engine's literals. */
  readonly filters: readonly EngineFilter[];
}

/** Text of a literal in the plan: what stood in quotes, or the number as printed. */
export interface EngineLiteral {
  readonly text: string;
  readonly quoted: boolean;
  /** The type after `::`, or empty. */
  readonly type: string;
}

export type EngineFilter =
  | { readonly column: string; readonly op: '=' | '<' | '<=' | '>' | '>='; readonly value: EngineLiteral }
  | { readonly column: string; readonly op: 'in'; readonly values: readonly EngineLiteral[] }
  | { readonly column: string; readonly op: 'is null' | 'is not null' };

interface PlanNode {
  readonly name?: unknown;
  readonly children?: readonly PlanNode[];
  readonly extra_info?: Readonly<Record<string, unknown>>;
}

/** Texts of several lines arrive as arrays of lines. */
const lines = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.map(String) : value === undefined || value === '' ? [] : [String(value)];

/**
 * Finds the scans of our functions in an optimised plan of DuckDB (`EXPLAIN (FORMAT json)`), with the columns each asks
 * for and the filters that stand directly above it. `isOurs` tells our functions, `isColumn` our column names: both are
 * random per query, so that no text of the caller's can be taken for one.
 */
export function readEnginePlan(
  plan: unknown,
  isOurs: (functionName: string) => boolean,
  isColumn: (name: string) => boolean,
): PlannedScan[] {
  const scans: PlannedScan[] = [];
  const visit = (node: PlanNode, filter: string): void => {
    const functionName = String(node.extra_info?.Function ?? '').toLowerCase();
    if (isOurs(functionName)) {
      scans.push({
        functionName,
        columns: lines(node.extra_info?.Projections).filter(isColumn),
        filters: filter === '' ? [] : readFilters(filter, isColumn),
      });
    }
    const own = node.name === 'FILTER' ? lines(node.extra_info?.Expression).join('\n') : '';
    for (const child of node.children ?? []) visit(child, own);
  };
  for (const node of Array.isArray(plan) ? (plan as PlanNode[]) : []) visit(node, '');
  return scans;
}

type Token =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'symbol'; readonly text: string };

const TOKEN = /\s+|'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([A-Za-z_][\w]*|[-+]?\d[\w.+-]*)|(::|<=|>=|<>|!=|[^\s])/gy;

/** Undefined when a quote is left open. */
function tokenise(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (!match) return undefined;
    if (match[1] !== undefined) tokens.push({ kind: 'text', text: match[1].replaceAll("''", "'") });
    else if (match[2] !== undefined) tokens.push({ kind: 'symbol', text: `"${match[2]}"` });
    else if (match[3] !== undefined) tokens.push({ kind: 'word', text: match[3] });
    else if (match[4] === "'" || match[4] === '"') return undefined;
    else if (match[4] !== undefined) tokens.push({ kind: 'symbol', text: match[4] });
  }
  return tokens;
}

const isWord = (token: Token | undefined, word: string) => token?.kind === 'word' && token.text === word;
const isSymbol = (token: Token | undefined, symbol: string) => token?.kind === 'symbol' && token.text === symbol;

/** The conjuncts of an expression that are simple enough to prune by; the rest is left out. */
export function readFilters(expression: string, isColumn: (name: string) => boolean): EngineFilter[] {
  const tokens = tokenise(expression);
  return tokens ? conjuncts(tokens, isColumn) : [];
}

function conjuncts(outer: readonly Token[], isColumn: (name: string) => boolean): EngineFilter[] {
  const tokens = withoutParentheses(outer);
  const simple = predicate(tokens, isColumn);
  if (simple) return simple;
  const parts = splitAt(tokens, 'AND');
  return parts.length > 1 ? parts.flatMap((part) => conjuncts(part, isColumn)) : [];
}

/** Takes off parentheses that enclose the whole. */
function withoutParentheses(tokens: readonly Token[]): readonly Token[] {
  let inner = tokens;
  while (isSymbol(inner[0], '(') && closing(inner, 0) === inner.length - 1) inner = inner.slice(1, -1);
  return inner;
}

/** Index of the parenthesis that closes the one at `start`, or -1. */
function closing(tokens: readonly Token[], start: number): number {
  let depth = 0;
  for (let i = start; i < tokens.length; i++) {
    if (isSymbol(tokens[i], '(')) depth += 1;
    else if (isSymbol(tokens[i], ')')) {
      depth -= 1;
      if (depth === 0) return i;
    }
  }
  return -1;
}

function splitAt(tokens: readonly Token[], word: 'AND' | 'OR'): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (isSymbol(token, '(')) depth += 1;
    else if (isSymbol(token, ')')) depth -= 1;
    if (depth === 0 && isWord(token, word)) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts;
}

const COMPARISONS = new Set(['=', '<', '<=', '>', '>=']);

function predicate(tokens: readonly Token[], isColumn: (name: string) => boolean): EngineFilter[] | undefined {
  const [first, second] = tokens;
  if (first?.kind === 'word' && isColumn(first.text)) {
    const column = first.text;
    const rest = tokens.slice(2);
    if (second?.kind === 'symbol' && COMPARISONS.has(second.text)) {
      const value = literal(rest);
      return value && [{ column, op: second.text as '=', value }];
    }
    if (isWord(second, 'IS')) {
      if (rest.length === 1 && isWord(rest[0], 'NULL')) return [{ column, op: 'is null' }];
      if (rest.length === 2 && isWord(rest[0], 'NOT') && isWord(rest[1], 'NULL'))
        return [{ column, op: 'is not null' }];
      return undefined;
    }
    if (isWord(second, 'BETWEEN')) return between(column, rest);
    if (isWord(second, 'IN')) return inList(column, rest);
    return undefined;
  }
  return alternatives(tokens, isColumn);
}

/** The engine prints BETWEEN for exclusive bounds too; inclusive ones let through what either means. */
function between(column: string, tokens: readonly Token[]): EngineFilter[] | undefined {
  const [lower, upper, ...more] = splitAt(tokens, 'AND').map(literal);
  if (!lower || !upper || more.length > 0) return undefined;
  return [
    { column, op: '>=', value: lower },
    { column, op: '<=', value: upper },
  ];
}

function inList(column: string, tokens: readonly Token[]): EngineFilter[] | undefined {
  if (!isSymbol(tokens[0], '(') || closing(tokens, 0) !== tokens.length - 1) return undefined;
  const items: Token[][] = [[]];
  for (const token of tokens.slice(1, -1)) {
    if (isSymbol(token, ',')) items.push([]);
    else items.at(-1)!.push(token);
  }
  const values = items.map(literal);
  return values.every((value) => value !== undefined) ? [{ column, op: 'in', values }] : undefined;
}

/** `(c = 1) OR (c = 2)` is what the engine makes of a short IN. */
function alternatives(tokens: readonly Token[], isColumn: (name: string) => boolean): EngineFilter[] | undefined {
  const parts = splitAt(tokens, 'OR');
  if (parts.length < 2) return undefined;
  const values: EngineLiteral[] = [];
  let column: string | undefined;
  for (const part of parts) {
    const found = predicate(withoutParentheses(part), isColumn);
    const filter = found?.length === 1 ? found[0]! : undefined;
    if (!filter || (filter.op !== '=' && filter.op !== 'in')) return undefined;
    if (column !== undefined && column !== filter.column) return undefined;
    column = filter.column;
    values.push(...(filter.op === 'in' ? filter.values : [filter.value]));
  }
  return [{ column: column!, op: 'in', values }];
}

const PLAIN_LITERAL = /^(?:[-+]?\d|true$|false$)/;

/** `5`, `-5.50`, `'text'`, `true`, `'2020-01-01'::DATE`. */
function literal(tokens: readonly Token[]): EngineLiteral | undefined {
  const [value, ...rest] = tokens;
  if (!value || value.kind === 'symbol') return undefined;
  if (value.kind === 'word' && !PLAIN_LITERAL.test(value.text)) return undefined;
  if (rest.length > 0 && !isSymbol(rest[0], '::')) return undefined;
  const type = rest.slice(1);
  if (type.some((token) => token.kind !== 'word')) return undefined;
  return {
    text: value.text,
    quoted: value.kind === 'text',
    type: type.map((token) => token.text).join(' '),
  };
}

/** A filter in the terms of the catalog, once its literals have been read by the type of the column. */
export function toScanFilter(
  filter: EngineFilter,
  column: string,
  read: (literal: EngineLiteral, side: 'lower' | 'upper' | 'exact') => StatisticsValue | undefined,
): ScanFilter | undefined {
  switch (filter.op) {
    case 'is null':
    case 'is not null':
      return { column, op: filter.op };
    case 'in': {
      const values = filter.values.map((value) => read(value, 'exact'));
      return values.every((value) => value !== undefined) ? { column, op: 'in', values } : undefined;
    }
    case '=': {
      const value = read(filter.value, 'exact');
      return value === undefined ? undefined : { column, op: '=', value };
    }
    default: {
      const side = filter.op === '<' || filter.op === '<=' ? 'upper' : 'lower';
      const exact = read(filter.value, 'exact');
      if (exact !== undefined) return { column, op: filter.op, value: exact };
      const rounded = read(filter.value, side);
      // Rounded away from the rows in question, the bound itself may be met.
      return rounded === undefined ? undefined : { column, op: side === 'upper' ? '<=' : '>=', value: rounded };
    }
  }
}
