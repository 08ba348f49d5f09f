import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EngineInstance, openEngineInstance } from './adapters/engine-instance.ts';
import { parseSql } from './adapters/parse-sql.ts';
import { enumColumns } from './enum-columns.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const folder = temporaryFolder();
let instance: EngineInstance;

beforeAll(async () => {
  instance = await openEngineInstance({ temporaryFolder: folder.path, memoryByteCountMax: 2 ** 28, threadCount: 1 });
});

afterAll(() => {
  instance.close();
  folder.remove();
});

const columns = async (sql: string): Promise<string> => {
  const { tree } = await parseSql(instance.connection, sql);
  return [...enumColumns(tree, ['Origin', 'dest'])].join(' ');
};

test.each([
  ['SELECT origin, count(*) FROM t GROUP BY origin', 'origin dest'],
  ['SELECT ORIGIN AS o, dest, avg(delay) FROM t GROUP BY ALL ORDER BY o DESC, dest', 'origin dest'],
  ['SELECT min(origin), max(dest), count(DISTINCT origin) FROM t', 'origin dest'],
  ['SELECT DISTINCT t.origin FROM t', 'origin dest'],
  ["SELECT origin, count(*) FROM t WHERE dest = 'x' GROUP BY origin", 'origin'],
  ["SELECT origin, count(*) FILTER (WHERE dest LIKE 'x') FROM t GROUP BY origin", 'origin'],
  ["SELECT origin || '!', dest FROM t GROUP BY ALL", 'dest'],
  ["SELECT origin AS o, dest FROM t GROUP BY ALL HAVING o > 'x'", 'dest'],
  ["SELECT max(origin) AS m, dest FROM t GROUP BY ALL HAVING m > 'x'", 'dest'],
  ['SELECT origin FROM t GROUP BY origin ORDER BY lower(origin)', 'dest'],
  ['SELECT origin FROM t GROUP BY origin ORDER BY origin COLLATE NOCASE', 'dest'],
  ['SELECT string_agg(origin) FROM t GROUP BY dest', 'dest'],
  ['SELECT min(origin ORDER BY dest), count(*) FROM t', ''],
  ['SELECT DISTINCT ON (origin) dest FROM t', 'dest'],
  ['SELECT row_number() OVER (ORDER BY origin) FROM t', 'dest'],
  ['SELECT * FROM t', ''],
  ['SELECT origin, (SELECT max(dest) FROM t) FROM t GROUP BY origin', ''],
  ['SELECT t.origin, count(*) FROM t JOIN t AS u ON t.origin = u.origin GROUP BY 1', ''],
  ['WITH a AS (SELECT 1) SELECT origin FROM t GROUP BY origin', ''],
  ['SELECT origin FROM t UNION SELECT dest FROM t', ''],
  ['SELECT a FROM t AS x(a) GROUP BY a', ''],
])('%s', async (sql, expected) => {
  expect(await columns(sql)).toBe(expected);
});
