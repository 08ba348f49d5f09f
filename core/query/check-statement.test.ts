import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { type EngineConnection, type EngineInstance, openEngineInstance } from './adapters/engine-instance.ts';
import { parseSql } from './adapters/parse-sql.ts';
import { splitExplain } from './split-explain.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const folder = temporaryFolder();
let instance: EngineInstance;
let connection: EngineConnection['connection'];

beforeAll(async () => {
  instance = await openEngineInstance({ temporaryFolder: folder.path, memoryByteCountMax: 2 ** 28, threadCount: 1 });
  ({ connection } = await instance.connect());
});

afterAll(() => {
  connection.disconnectSync();
  instance.close();
  folder.remove();
});

const code = async (sql: string): Promise<string> => {
  try {
    await parseSql(connection, sql);
    return 'allowed';
  } catch (error) {
    return isGranaryError(error) ? error.code : `not one of ours: ${String(error)}`;
  }
};

const FORBIDDEN = [
  "COPY (SELECT 1) TO '/tmp/granary-test.csv'",
  "COPY flights FROM '/etc/passwd'",
  "ATTACH ':memory:' AS other",
  'DETACH other',
  'USE other',
  'LOAD json',
  'INSTALL httpfs',
  'SET threads = 1',
  'SET VARIABLE x = 1',
  'RESET threads',
  'PRAGMA version',
  'PRAGMA database_list',
  'CHECKPOINT',
  'VACUUM',
  'ANALYZE',
  'BEGIN',
  'COMMIT',
  'CALL pragma_version()',
  'CALL duckdb_settings()',
  "IMPORT DATABASE '/tmp'",
  "EXPORT DATABASE '/tmp/granary-test'",
  'CREATE OR REPLACE VIEW flights AS SELECT 1',
  'CREATE TEMP VIEW flights AS SELECT 1',
  'CREATE TABLE t (a INTEGER)',
  'CREATE TABLE t AS SELECT 1',
  'CREATE MACRO f(x) AS x',
  'CREATE SCHEMA s',
  'CREATE SEQUENCE s',
  "CREATE SECRET s (TYPE s3, KEY_ID 'x')",
  "CREATE TYPE mood AS ENUM ('a')",
  'ALTER VIEW flights RENAME TO other',
  'DROP VIEW flights',
  'INSERT INTO flights VALUES (1)',
  'WITH a AS (SELECT 1) INSERT INTO flights SELECT * FROM a',
  'UPDATE flights SET delay = 1',
  'DELETE FROM flights',
  'TRUNCATE flights',
  'MERGE INTO flights USING other ON true WHEN MATCHED THEN DELETE',
  'PREPARE p AS SELECT 1',
  'EXECUTE p',
  'DEALLOCATE p',
  "SELECT * FROM read_csv('/etc/passwd')",
  "SELECT * FROM read_csv_auto('/etc/passwd')",
  "SELECT * FROM READ_TEXT('/etc/passwd')",
  'SELECT * FROM "read_text"(\'/etc/passwd\')',
  "SELECT * FROM main.read_text('/etc/passwd')",
  "SELECT * FROM system.main.read_text('/etc/passwd')",
  "SELECT * FROM read_blob('/etc/passwd')",
  "SELECT * FROM read_json('/etc/passwd')",
  "SELECT * FROM read_parquet('/etc/passwd')",
  "SELECT * FROM parquet_scan('/etc/passwd')",
  "SELECT * FROM parquet_metadata('/etc/passwd')",
  "SELECT * FROM read_duckdb('/etc/passwd')",
  "SELECT * FROM sniff_csv('/etc/passwd')",
  "SELECT * FROM glob('/etc/*')",
  "SELECT * FROM query('SELECT 1')",
  "SELECT * FROM query_table('flights')",
  "SELECT * FROM query_table(['flights', 'other'])",
  'SELECT * FROM duckdb_settings()',
  'SELECT * FROM duckdb_functions()',
  'SELECT * FROM duckdb_secrets()',
  'SELECT * FROM pragma_database_size()',
  "SELECT * FROM pragma_table_info('flights')",
  "SELECT * FROM which_secret('s3://x', 's3')",
  "SELECT * FROM json_execute_serialized_sql('{}')",
  "SELECT * FROM sql_auto_complete('SEL')",
  "SELECT * FROM seq_scan('flights')",
  'SELECT * FROM arrow_scan(1, 2, 3)',
  'SELECT * FROM test_all_types()',
  'SELECT * FROM enable_logging()',
  "SELECT * FROM histogram('flights', 'delay')",
  'SELECT * FROM g0123456789abcdef01234567_f0()',
  'SELECT g0123456789abcdef01234567_f0()',
  'SELECT * FROM information_schema.tables',
  'SELECT * FROM pg_catalog.pg_class',
  'SELECT * FROM temp.flights',
  'SELECT * FROM memory.main.flights',
  "SELECT getenv('HOME')",
  "SELECT current_setting('temp_directory')",
  "SELECT getvariable('x')",
  "SELECT nextval('s')",
  "SELECT write_log('x')",
  'SELECT sleep_ms(10000)',
  'SELECT pg_sleep(10)',
  'SELECT setseed(0.5)',
  'SELECT current_query()',
  "SELECT json_serialize_sql('SELECT 1')",
  "SELECT json_deserialize_sql('{}')",
  'SELECT current_database()',
  'SELECT version()',
  'SELECT 1; SELECT 2',
  'SELECT 1; DROP VIEW flights',
  'SELECT 1 /* ; */; /* x */ SELECT 2',
  "SELECT 1 -- '\n; ATTACH ':memory:' AS other",
  '/* SELECT */ CREATE TABLE t (a INTEGER)',
  '/* /* */ */ CREATE TABLE t (a INTEGER)',
  '--\nCREATE TABLE t (a INTEGER)',
  '\u00a0CREATE\u2003TABLE t (a INTEGER)',
  'EXPLAIN CREATE TABLE t (a INTEGER)',
  "EXPLAIN COPY (SELECT 1) TO '/tmp/granary-test.csv'",
  "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/granary-test.csv'",
  "EXPLAIN SELECT * FROM read_text('/etc/passwd')",
  "EXPLAIN ANALYZE SELECT * FROM read_text('/etc/passwd')",
  'EXPLAIN /* */ INSERT INTO flights VALUES (1)',
  'EXPLAIN SHOW TABLES',
  "WITH hidden AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM hidden",
  "WITH a AS (WITH b AS (SELECT * FROM glob('/*')) SELECT * FROM b) SELECT * FROM a",
  "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM read_text('/x')) SELECT * FROM r",
  'WITH sqlite_master AS (SELECT 1) SELECT * FROM sqlite_master',
  "SELECT (SELECT content FROM read_text('/etc/passwd'))",
  "SELECT * FROM flights WHERE EXISTS (SELECT * FROM read_text('/etc/passwd'))",
  "SELECT list_transform([1], x -> getenv('HOME'))",
  "SELECT list_transform([1], lambda x: getenv('HOME'))",
  "SELECT [getenv('HOME') FOR x IN [1]]",
  "SELECT ('HOME').getenv()",
  "SELECT CASE WHEN true THEN getenv('HOME') END",
  "SELECT 1 ORDER BY getenv('HOME')",
  "SELECT 1 LIMIT (SELECT count(*) FROM read_text('/etc/passwd'))",
  "SELECT count(*) FILTER (WHERE getenv('HOME') = '') FROM flights",
  "SELECT sum(1) OVER (PARTITION BY getenv('HOME')) FROM flights",
  "SELECT 1 UNION ALL SELECT content FROM read_text('/etc/passwd')",
  'SELECT * FROM flights, LATERAL (SELECT * FROM read_text(origin))',
  "SELECT * FROM flights JOIN flights f2 ON getenv('HOME') = ''",
  "SELECT * REPLACE (getenv('HOME') AS origin) FROM flights",
  "SELECT COLUMNS(c -> getenv(c) = '') FROM flights",
  "PIVOT flights ON origin IN ('A') USING sum(getenv('HOME'))",
  "FROM (SELECT unnest([getenv('HOME')]))",
  "FROM range(getenv('HOME')::INTEGER)",
  "VALUES (getenv('HOME'))",
  "DESCRIBE SELECT * FROM read_text('/etc/passwd')",
  "SUMMARIZE SELECT * FROM read_text('/etc/passwd')",
  "SELECT * FROM (DESCRIBE SELECT getenv('HOME'))",
  'SHOW ALL TABLES',
  'SHOW DATABASES',
  'SHOW TABLES FROM other',
  'SELECT * FROM (SHOW ALL TABLES)',
  'SELECT * FROM (SHOW TABLES)',
  'SELECT $1',
  'SELECT ?',
  'SELECT $name',
  'SELECT * FROM flights AT (VERSION => 1)',
];

const ALLOWED = [
  'SELECT 1',
  'SELECT 1;',
  '  -- a comment\n SELECT 1 /* another; */ ;',
  'select * from flights',
  'FROM flights',
  'TABLE flights',
  'VALUES (1), (2)',
  '(SELECT 1) UNION (SELECT 2)',
  'SELECT * FROM main.flights',
  'SELECT ";" FROM "COPY"',
  "SELECT 'COPY x TO y; ATTACH'",
  "SELECT {'class': 'PARAMETER', 'type': 'BASE_TABLE', 'function_name': 'getenv'}",
  'SHOW TABLES',
  'show tables;',
  'DESCRIBE flights',
  'SHOW flights',
  'SUMMARIZE flights',
  'EXPLAIN SELECT 1',
  'explain analyze select 1',
  'EXPLAIN /* x */ -- y\n SELECT 1',
  'WITH a AS (SELECT 1 AS x) SELECT a.x, count(*) OVER () FROM a JOIN flights f ON f.delay = a.x GROUP BY ALL',
  'WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t',
  "SELECT * EXCLUDE (origin) REPLACE (delay + 1 AS delay) FROM flights WHERE origin LIKE 'A%' AND delay BETWEEN 1 AND 2",
  'SELECT list_transform([1, 2], lambda x: x + 1), [x * 2 FOR x IN [1, 2] IF x > 1]',
  "SELECT CAST('1' AS INTEGER), TRY_CAST('x' AS INTEGER), x::VARCHAR, x::DECIMAL(10, 2)[] FROM (SELECT 1 AS x)",
  "SELECT CAST(NULL AS STRUCT(a INTEGER, b VARCHAR[])), 'a'::ENUM('a', 'b')",
  "SELECT COALESCE(NULL, 1), NULLIF(1, 2), CASE WHEN 1 IN (1, 2) THEN 'a' ELSE 'b' END, 1 IS DISTINCT FROM 2",
  'SELECT row_number() OVER (ORDER BY delay), lag(delay) OVER w FROM flights WINDOW w AS (ORDER BY date)',
  "SELECT date_trunc('month', date), extract(year FROM date), date + INTERVAL 1 DAY, now(), current_date FROM flights",
  'SELECT * FROM flights QUALIFY row_number() OVER (PARTITION BY origin ORDER BY delay DESC) = 1 LIMIT 10 OFFSET 5',
  'SELECT origin, sum(delay) FILTER (WHERE delay > 0) FROM flights GROUP BY GROUPING SETS ((origin), ())',
  "PIVOT flights ON origin IN ('A', 'B') USING sum(delay) GROUP BY destination",
  'UNPIVOT flights ON delay, distance INTO NAME k VALUE v',
  'SELECT * FROM range(10) r(i), generate_series(1, 3) g, unnest([1, 2]) u',
  "SELECT unnest([1, 2]), json_extract('{}', '$.a'), '{\"a\": 1}'::JSON ->> 'a'",
  'SELECT * FROM json_each(\'{"a": 1}\')',
  'SELECT * FROM flights TABLESAMPLE 10%',
  'SELECT * FROM flights a ASOF JOIN flights b ON a.date >= b.date',
  'SELECT * FROM flights POSITIONAL JOIN flights b',
  'SELECT DISTINCT ON (origin) * FROM flights ORDER BY origin COLLATE NOCASE NULLS LAST',
  "SELECT COLUMNS('d.*') FROM flights",
  "SELECT regexp_matches('a', 'b'), 'a' SIMILAR TO 'b', 'a' ILIKE 'B', 'a' GLOB 'b', 'a' || 'b', -1, 5 // 2, 2 ^ 3",
  "SELECT (1, 2), {'a': 1}.a, [1, 2][1], [1, 2, 3][1:2], MAP {'a': 1}['a'], 'abc'[1:2]",
  "SELECT trim(BOTH ' ' FROM 'x'), substring('abc' FROM 2), position('b' IN 'abc')",
  "SELECT TIMESTAMP '2020-01-01' AT TIME ZONE 'UTC'",
  'SELECT EXISTS (SELECT 1 FROM flights), 1 = ANY (SELECT delay FROM flights), ARRAY(SELECT delay FROM flights)',
  "SELECT string_agg(origin, ',' ORDER BY origin), list(DISTINCT origin), quantile_cont(delay, 0.5) FROM flights",
];

describe('the gate', () => {
  test.each(FORBIDDEN)('refuses %j', async (sql) => {
    expect(await code(sql)).toBe('SQL_FORBIDDEN');
  });

  test.each(ALLOWED)('lets pass %j', async (sql) => {
    expect(await code(sql)).toBe('allowed');
  });

  test.each([
    '',
    ' ',
    ';',
    '-- nothing',
    'SELEC 1',
    'SELECT',
    'SELECT (1',
    "SELECT 'open",
    'EXPLAIN',
    'EXPLAIN (FORMAT json) SELECT 1',
    'SELECT 1\0',
  ])('calls %j invalid', async (sql) => {
    expect(await code(sql)).toBe('SQL_INVALID');
  });

  test('refuses a statement that is too long or too deep', async () => {
    expect(await code(`SELECT ${'1 + '.repeat(300_000)}1`)).toBe('LIMIT_EXCEEDED');
    expect(await code(`SELECT ${'abs('.repeat(5000)}1${')'.repeat(5000)}`)).toBe('SQL_INVALID');
    expect(await code(`SELECT ${'abs('.repeat(600)}1${')'.repeat(600)}`)).toBe('LIMIT_EXCEEDED');
  });
});

test('EXPLAIN is taken off behind comments and blanks of any kind', () => {
  expect(splitExplain('/* a /* b */ */ --x\n\u00a0ExPlAiN\tSELECT 1')).toEqual({ mode: 'explain', body: 'SELECT 1' });
  expect(splitExplain('EXPLAIN/**/ANALYZE SELECT 1')).toEqual({ mode: 'analyze', body: ' SELECT 1' });
  expect(splitExplain('EXPLAINX SELECT 1')).toEqual({ mode: 'none', body: 'EXPLAINX SELECT 1' });
  expect(splitExplain('/* EXPLAIN')).toEqual({ mode: 'none', body: '/* EXPLAIN' });
});
