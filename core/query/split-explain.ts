/** A statement without the word EXPLAIN in front of it. */
export interface ExplainSplit {
  readonly mode: 'none' | 'explain' | 'analyze';
  /** What is explained, or the whole statement. */
  readonly body: string;
}

const WHITESPACE = /\s/u;

/** Index of the first character at or after `start` that is neither blank nor comment. Block comments nest. */
function skipBlank(sql: string, start: number): number {
  let at = start;
  for (;;) {
    if (at < sql.length && WHITESPACE.test(sql[at]!)) at += 1;
    else if (sql.startsWith('--', at)) {
      const lineEnd = sql.indexOf('\n', at);
      at = lineEnd < 0 ? sql.length : lineEnd + 1;
    } else if (sql.startsWith('/*', at)) at = skipBlockComment(sql, at);
    else return at;
  }
}

function skipBlockComment(sql: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    if (sql.startsWith('/*', at)) {
      depth += 1;
      at += 2;
    } else if (sql.startsWith('*/', at)) {
      depth -= 1;
      at += 2;
    } else at += 1;
  } while (depth > 0 && at < sql.length);
  return at;
}

/** Index after the keyword when it stands at `start`, else undefined. */
function skipKeyword(sql: string, start: number, keyword: string): number | undefined {
  const end = start + keyword.length;
  if (sql.slice(start, end).toLowerCase() !== keyword) return undefined;
  return /^[\w$\u0080-\uffff]/u.test(sql.slice(end, end + 1)) && !WHITESPACE.test(sql[end]!) ? undefined : end;
}

/**
 * Takes EXPLAIN or EXPLAIN ANALYZE off the front of a statement. A wrong guess is harmless: the rest is parsed by the
 * engine again, on its own, and must be one SELECT.
 */
export function splitExplain(sql: string): ExplainSplit {
  const afterExplain = skipKeyword(sql, skipBlank(sql, 0), 'explain');
  if (afterExplain === undefined) return { mode: 'none', body: sql };
  const bodyStart = skipBlank(sql, afterExplain);
  const afterAnalyze = skipKeyword(sql, bodyStart, 'analyze') ?? skipKeyword(sql, bodyStart, 'analyse');
  return afterAnalyze === undefined
    ? { mode: 'explain', body: sql.slice(bodyStart) }
    : { mode: 'analyze', body: sql.slice(afterAnalyze) };
}
