import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Int32, Schema, Table, tableFromArrays, Utf8, vectorFromArray } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { parseSegmentHeader } from '#core/columnar/index.ts';
import { formatNdjson } from '../format-ndjson.ts';
import type { QueryableAsset, QueryExplanation } from '../ports.ts';
import { fakeAsset, fakeResolver } from '../testing/fake-assets.ts';
import { segmentAsset } from '../testing/segment-asset.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { createDuckdbEngine, type DuckdbEngine, QUERIES_OPEN_MAX } from './duckdb-engine.ts';

const folder = temporaryFolder();
let engine: DuckdbEngine;

beforeAll(() => {
  engine = createDuckdbEngine({
    temporaryFolder: folder.path,
    cacheByteCountMax: 2 ** 26,
    memoryByteCountMax: 2 ** 28,
    threadCount: 2,
  });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  folder.remove();
});

interface Answer {
  readonly rows: readonly Record<string, unknown>[];
  readonly explanation: QueryExplanation;
}

async function ask(sql: string, assets: readonly QueryableAsset[] = [], signal?: AbortSignal): Promise<Answer> {
  await using result = await engine.run({ sql }, fakeResolver(assets), { signal });
  let text = '';
  for await (const bytes of formatNdjson(result.schema, result.batches)) text += Buffer.from(bytes).toString();
  const rows = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { rows, explanation: result.explanation() };
}

const failure = async (work: Promise<unknown>): Promise<{ code: string; message: string }> => {
  try {
    await work;
  } catch (error) {
    if (isGranaryError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: 'none', message: '' };
};

const places = new Table({
  id: vectorFromArray([1, 2, 3, 4], new Int32()),
  name: vectorFromArray(['Ä', 'a name of more than twelve bytes', null, ''], new Utf8()),
});

/** `count` rows: id 0…, a word of a small dictionary (null in every tenth row), a distinct text, a number. */
function numbered(count: number): Table {
  const ids = Array.from({ length: count }, (_, id) => id);
  return new Table({
    id: vectorFromArray(ids, new Int32()),
    word: vectorFromArray(
      ids.map((id) => (id % 10 === 9 ? null : `${['red', 'green', 'a colour with a long name'][id % 3]}`)),
      new Utf8(),
    ),
    text: vectorFromArray(
      ids.map((id) => `row number ${id}`.repeat((id % 3) + 1)),
      new Utf8(),
    ),
    half: vectorFromArray(ids.map((id) => id / 2)),
  });
}

const segments = (name: string, table: Table, rowGroupRows?: number, parts = 1): Promise<QueryableAsset> => {
  const perPart = Math.ceil(table.numRows / parts);
  return segmentAsset({
    folder: join(folder.path, 'segments'),
    name,
    schema: table.schema,
    ...(rowGroupRows ? { rowGroupRows } : {}),
    parts: Array.from({ length: parts }, (_, i) => table.slice(i * perPart, (i + 1) * perPart).batches),
  });
};

describe('queries', () => {
  test('join assets of all three storage formats', async () => {
    const assets = [
      fakeAsset('people', places),
      fakeAsset('visits', tableFromArrays({ person: Int32Array.of(1, 1, 2, 9) }), { storageFormat: 'EDGE' }),
      await segments('seen', numbered(5000), 2000, 2),
    ];
    const { rows } = await ask(
      `SELECT p.name, count(*) AS visits, min(s.text) AS text
       FROM people p JOIN visits v ON v.person = p.id JOIN seen s ON s.id = p.id GROUP BY ALL ORDER BY 2 DESC`,
      assets,
    );
    expect(rows).toEqual([
      { name: 'Ä', visits: 2, text: 'row number 1row number 1' },
      { name: 'a name of more than twelve bytes', visits: 1, text: 'row number 2row number 2row number 2' },
    ]);
  });

  test('give back every value of a segment, in order', async () => {
    const table = numbered(5000);
    const { rows } = await ask('SELECT * FROM t', [await segments('t', table, 1999, 2)]);
    expect(rows).toEqual(table.toArray().map((row) => ({ ...row?.toJSON() })));
  });

  test('give the same rows for a table whether it is sent or lies in segments', async () => {
    const table = numbered(7000);
    const statements = [
      'SELECT word, count(*) AS n, min(text) AS least, sum(half) AS s FROM t GROUP BY word ORDER BY word NULLS FIRST',
      'SELECT DISTINCT word FROM t ORDER BY word DESC NULLS LAST',
      "SELECT word AS w, max(id) AS m FROM t GROUP BY w HAVING w > 'b' ORDER BY w",
      "SELECT upper(word) AS u, count(*) AS n FROM t WHERE word LIKE '%e%' GROUP BY u ORDER BY u",
      'SELECT min(word) AS a, max(word) AS z, count(word) AS n, count(DISTINCT word) AS d FROM t',
      "SELECT coalesce(word, 'none') AS c, count(*) AS n FROM t GROUP BY c ORDER BY c",
      "SELECT word || '!' AS c FROM t GROUP BY word ORDER BY word || '!' LIMIT 2",
      'SELECT a.word, count(*) AS n FROM t a JOIN t b ON a.id = b.id + 1 WHERE b.id > 6000 GROUP BY a.word ORDER BY 1',
      'SELECT count(*) AS n FROM t',
      'SELECT id FROM t WHERE id = 6543 OR id = 3 ORDER BY id',
      "SELECT text FROM t WHERE text > 'row number 99' ORDER BY text DESC LIMIT 3",
    ];
    for (const sql of statements) {
      const sent = await ask(sql, [fakeAsset('t', table)]);
      const stored = await ask(sql, [await segments('t', table, 3000)]);
      expect(stored.rows, sql).toEqual(sent.rows);
      expect(sent.rows.length, sql).toBeGreaterThan(0);
    }
  });

  test('find assets whatever their names', async () => {
    for (const name of [
      'select',
      'with "quotes"',
      "it's",
      'a/b\\c',
      'Größe 数 🙂',
      'sqlite_master',
      ' ',
      'flights.csv',
      'a;b--c',
      '$1',
    ]) {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      expect((await ask(`SELECT count(*) AS n FROM ${quoted} x`, [fakeAsset(name, places)])).rows).toEqual([{ n: 4 }]);
      expect((await ask(`SELECT count(*) AS n FROM ${quoted}`, [await segments(name, places)])).rows).toEqual([
        { n: 4 },
      ]);
    }
  });

  test('find columns whatever their names, also those of one asset that look like those of another', async () => {
    const odd = new Table({
      'a "b"': vectorFromArray([1], new Int32()),
      'c0 = 5 AND c1': vectorFromArray([2], new Int32()),
      select: vectorFromArray([3], new Int32()),
    });
    const { rows } = await ask(
      'SELECT "a ""b""" + "c0 = 5 AND c1" + "select" AS s FROM odd WHERE "c0 = 5 AND c1" = 2',
      [fakeAsset('odd', odd)],
    );
    expect(rows).toEqual([{ s: 6 }]);
  });

  test('take names without regard to case, but not two that differ in it alone', async () => {
    const assets = [fakeAsset('Trips', places), fakeAsset('trips', places)];
    expect((await ask('SELECT count(*) AS n FROM TRIPS', [assets[0]!])).rows).toEqual([{ n: 4 }]);
    expect((await failure(ask('SELECT * FROM "Trips", trips', assets))).code).toBe('SQL_INVALID');
  });

  test('list and describe assets', async () => {
    const assets = [fakeAsset("b's", places), fakeAsset('a', places)];
    expect((await ask('SHOW TABLES', assets)).rows).toEqual([{ name: 'a' }, { name: "b's" }]);
    expect((await ask('SHOW TABLES')).rows).toEqual([]);
    const described = (await ask('DESCRIBE a', assets)).rows;
    expect(described.map((row) => [row.column_name, row.column_type])).toEqual([
      ['id', 'INTEGER'],
      ['name', 'VARCHAR'],
    ]);
    expect((await ask('SUMMARIZE a', assets)).rows).toHaveLength(2);
  });

  test('explain themselves without internal names', async () => {
    const assets = [fakeAsset('sent', places), await segments('stored', numbered(10))];
    const plain = await ask('EXPLAIN SELECT name FROM sent JOIN stored USING (id) WHERE half > 2', assets);
    const text = plain.rows.map(({ plan }) => plan).join('\n');
    expect(text).toMatch(/stored \[.*half/);
    expect(text).toMatch(/sent \[/);
    expect(text).not.toMatch(/g[0-9a-f]{24}/);
    const analysed = await ask('EXPLAIN ANALYZE SELECT count(*) FROM stored', assets);
    expect(analysed.rows.map(({ plan }) => plan).join('\n')).toMatch(/Rows: 10/);
  });

  test('keep column names that occur twice', async () => {
    await using result = await engine.run({ sql: 'SELECT 1 AS a, 2 AS a' }, fakeResolver([]));
    expect(result.schema.fields.map((field) => field.name)).toEqual(['a', 'a']);
  });

  test('answer from tables without rows', async () => {
    const empty = new Table(places.schema, places.batches[0]!.slice(0, 0));
    expect((await ask('SELECT * FROM t', [fakeAsset('t', empty)])).rows).toEqual([]);
    expect((await ask('SELECT count(*) AS n, max(name) AS m FROM t', [await segments('t', empty)])).rows).toEqual([
      { n: 0, m: null },
    ]);
    const nothing = new Table(new Schema([]));
    expect((await failure(ask('SELECT * FROM t', [fakeAsset('t', nothing)]))).code).toBe('QUERY_FAILED');
  });
});

describe('scans', () => {
  test('ask a store for the columns and filters of the plan, and apply the filters themselves', async () => {
    const requests: unknown[] = [];
    const asset = fakeAsset('t', places, { onScan: (request) => requests.push(request) });
    const { rows } = await ask("SELECT id FROM t WHERE id >= 2 AND name = ''", [asset]);
    expect(rows).toEqual([{ id: 4 }]);
    expect(requests).toEqual([
      {
        columns: ['id', 'name'],
        filters: [
          { column: 'id', op: '>=', value: 2 },
          { column: 'name', op: '=', value: '' },
        ],
      },
    ]);
  });

  test('do not read what the statement does not need', async () => {
    const requests: { columns: readonly string[] }[] = [];
    const asset = fakeAsset('t', places, { onScan: (request) => requests.push(request) });
    expect((await ask('SELECT count(*) AS n FROM t', [asset])).rows).toEqual([{ n: 4 }]);
    expect(requests).toEqual([{ columns: [], filters: [] }]);
    await ask('SELECT * FROM t WHERE 1 = 2', [asset]);
    await ask('DESCRIBE t', [asset]);
    expect(requests).toHaveLength(1);
  });

  test('skip row groups by their statistics, and say what they did', async () => {
    const asset = await segments('t', numbered(10_000), 1000);
    const { rows, explanation } = await ask('SELECT sum(half) AS s FROM t WHERE id BETWEEN 4200 AND 4300', [asset]);
    expect(rows).toEqual([{ s: 214_625 }]);
    expect(explanation.scans).toMatchObject([
      {
        asset: 't',
        storageFormat: 'WEBM_COLUMNAR',
        columnsDecoded: ['id', 'half'],
        filters: ['id >= 4200', 'id <= 4300'],
        rowGroups: 10,
        rowGroupsSkipped: 9,
        chunksCached: 0,
      },
    ]);
    const chunks = parseSegmentHeader(
      readFileSync(asset.segmentPath!(asset.segments[0]!.id)),
      asset.segments[0]!.byteCount,
    );
    if ('needByteCount' in chunks) throw new Error('The header was not read.');
    const [id, , , half] = chunks.rowGroups[4]!.chunks;
    expect(explanation.scans[0]!.bytesRead).toBe(id!.byteCount + half!.byteCount);
    const again = await ask('SELECT sum(half) AS s FROM t WHERE id BETWEEN 4200 AND 4300', [asset]);
    expect(again.explanation.scans[0]).toMatchObject({ bytesRead: 0, chunksCached: 2 });
    expect(again.explanation.stages.map(({ stage }) => stage)).toContain('execute');
  });

  test('skip for two scans of one asset only what neither needs', async () => {
    const asset = await segments('t', numbered(10_000), 1000);
    const { rows, explanation } = await ask(
      'SELECT (SELECT count(*) FROM t WHERE id < 1000) AS a, (SELECT count(*) FROM t WHERE id >= 9000) AS b',
      [asset],
    );
    expect(rows).toEqual([{ a: 1000, b: 1000 }]);
    expect(explanation.scans[0]).toMatchObject({ rowGroups: 10, rowGroupsSkipped: 8, filters: [] });
  });

  test('name asset, column and row group of a damaged chunk, and leave other data readable', async () => {
    const good = await segments('good', numbered(3000), 1000);
    const [segment] = good.segments;
    const path = good.segmentPath!(segment!.id);
    const damaged = join(folder.path, 'damaged.webm');
    copyFileSync(path, damaged);
    const bytes = readFileSync(damaged);
    const header = parseSegmentHeader(bytes, bytes.length);
    if ('needByteCount' in header) throw new Error('The header was not read.');
    const chunk = header.rowGroups[1]!.chunks[3]!;
    // Behind the headers of the picture and of the values, where the values begin.
    bytes[chunk.offset + 16]! ^= 1;
    writeFileSync(damaged, bytes);
    const bad = { ...good, name: 'bad', segments: [{ ...segment!, id: 'damaged' }], segmentPath: () => damaged };
    const error = await failure(ask('SELECT sum(half) FROM bad', [bad]));
    expect(error.code).toBe('SEGMENT_CORRUPT');
    expect(error.message).toMatch(/"bad".*"half".*row group 1/s);
    expect((await ask('SELECT sum(id) AS s FROM bad', [bad])).rows).toEqual([{ s: 4_498_500 }]);
    expect((await ask('SELECT count(half) AS n FROM good', [good])).rows).toEqual([{ n: 3000 }]);
    const missing = { ...bad, segmentPath: () => join(folder.path, 'nowhere.webm') };
    const gone = { ...missing, segments: [{ ...segment!, id: 'gone' }] };
    expect((await failure(ask('SELECT sum(half) FROM bad', [gone]))).code).toBe('SEGMENT_MISSING');
    const other = { ...good, schema: places.schema, segments: [{ ...segment!, id: 'other' }] };
    expect((await failure(ask('SELECT max(id) FROM good', [{ ...other, segmentPath: () => path }]))).code).toBe(
      'SEGMENT_CORRUPT',
    );
  });

  test('do not take a failure in the middle of the rows for their end', async () => {
    const good = await segments('late', numbered(50_000), 5000);
    const cast = "SELECT CAST(CASE WHEN id = 49000 THEN 'x' ELSE text[12:12] END AS INTEGER) AS n FROM late";
    expect(await failure(ask(cast, [good]))).toEqual({
      code: 'QUERY_FAILED',
      message: expect.stringMatching(/Could not convert string 'x'/) as string,
    });
    const late = "SELECT CASE WHEN range = 900000 THEN error('too far') ELSE 'fine' END AS n FROM range(1000000)";
    expect(await failure(ask(late))).toEqual({
      code: 'QUERY_FAILED',
      message: expect.stringMatching(/too far/) as string,
    });
    const [segment] = good.segments;
    const path = good.segmentPath!(segment!.id);
    const gone = {
      ...good,
      segments: [segment!, { ...segment!, id: 'gone' }],
      segmentPath: (id: string) => (id === 'gone' ? join(folder.path, 'nowhere.webm') : path),
    };
    expect((await failure(ask('SELECT * FROM late', [gone]))).code).toBe('SEGMENT_MISSING');
  });

  test('report what a store throws', async () => {
    const asset = fakeAsset('t', places, {
      beforeBatch: () => Promise.reject(new Error('the store is gone')),
    });
    await expect(ask('SELECT * FROM t', [asset])).rejects.toThrow('the store is gone');
    expect((await ask('SELECT 1 AS a')).rows).toEqual([{ a: 1 }]);
  });
});

describe('decoded rows', () => {
  const decoded = (parent: string): string[] =>
    readdirSync(parent, { recursive: true, encoding: 'utf8' }).filter((name) => /decoded-.*\.parquet$/.test(name));
  const sizeOf = (parent: string): number =>
    decoded(parent).reduce((sum, name) => sum + statSync(join(parent, name)).size, 0);

  test('take no more room than they may, and are gone with the engine', async () => {
    const parent = join(folder.path, 'small');
    mkdirSync(parent);
    const cacheByteCountMax = 100_000;
    const own = createDuckdbEngine({
      temporaryFolder: parent,
      cacheByteCountMax,
      memoryByteCountMax: 2 ** 28,
      threadCount: 2,
    });
    const table = numbered(10_000);
    const asset = await segments('small', table, 1000);
    const read = async (sql: string) => {
      await using result = await own.run({ sql }, fakeResolver([asset]));
      for await (const _ of result.batches);
      return result.explanation().scans[0]!;
    };
    expect(await read('SELECT sum(id) FROM small')).toMatchObject({ chunksCached: 0 });
    expect(await read('SELECT max(id) FROM small')).toMatchObject({ chunksCached: 10, bytesRead: 0 });
    const isDecoded = decoded(parent).length;
    expect(isDecoded).toBe(10);
    expect(await read('SELECT sum(half) FROM small')).toMatchObject({ chunksCached: 0 });
    // What took the place of the first is there, and the first has to be decoded again.
    expect(await read('SELECT sum(half) FROM small')).toMatchObject({ bytesRead: 0 });
    expect((await read('SELECT sum(id) FROM small')).bytesRead).toBeGreaterThan(0);
    // More than fits at once is decoded while it is scanned.
    expect(await read('SELECT sum(id), sum(half), max(text) FROM small')).toMatchObject({ chunksCached: 0 });
    expect(sizeOf(parent)).toBeLessThanOrEqual(cacheByteCountMax);
    await own[Symbol.asyncDispose]();
    expect(readdirSync(parent)).toEqual([]);
  });

  test('of no query can be read by the text of another', async () => {
    await ask('SELECT sum(id) FROM t', [await segments('t', numbered(3000), 1000)]);
    const [name] = decoded(folder.path);
    const path = join(folder.path, name!);
    for (const sql of [`FROM '${path}'`, `SELECT * FROM read_parquet('${path}')`, `SELECT * FROM "${path}"`]) {
      expect((await failure(ask(sql))).code, sql).toBe('SQL_FORBIDDEN');
    }
  });

  test('are no part of what a plan shows', async () => {
    const asset = await segments('t', numbered(3000), 1000);
    const { rows } = await ask('EXPLAIN ANALYZE SELECT sum(half) FROM t WHERE id > 10', [asset]);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(folder.path);
    expect(JSON.stringify(rows)).not.toMatch(/g[0-9a-f]{24}/);
  });

  test('are not made for the first rows alone, nor to count rows', async () => {
    const asset = await segments('few', numbered(10_000), 1000);
    const first = await ask('SELECT text FROM few WHERE id >= 0 LIMIT 3', [asset]);
    expect(first.rows).toHaveLength(3);
    const all = await ask('SELECT max(text), max(id) FROM few', [asset]);
    expect(first.explanation.scans[0]!.bytesRead).toBeLessThan(all.explanation.scans[0]!.bytesRead / 2);
    const counted = await ask('SELECT count(*) AS n FROM few', [asset]);
    expect(counted.rows).toEqual([{ n: 10_000 }]);
    expect(counted.explanation.scans[0]).toMatchObject({ columnsDecoded: [], bytesRead: 0 });
  });
});

describe('errors', () => {
  test.each([
    ['SELECT nothing FROM t', 'SQL_INVALID', /"nothing" not found/],
    ['SELECT * FROM t WHERE', 'SQL_INVALID', /syntax error/],
    ["SELECT CAST('x' AS INTEGER)", 'QUERY_FAILED', /Could not convert/],
    ['SELECT CAST(name AS INTEGER) FROM t', 'QUERY_FAILED', /Could not convert/],
    ["SELECT error('stop') FROM t", 'QUERY_FAILED', /stop/],
    ['SELECT * FROM tt', 'ASSET_NOT_FOUND', /"tt".*Did you mean "t"/],
    ["FROM '/etc/passwd'", 'SQL_FORBIDDEN', /may not read files/],
    ["FROM 'other.parquet'", 'SQL_FORBIDDEN', /may not read files/],
    ['SELECT * FROM duckdb_tables', 'SQL_FORBIDDEN', /engine's own/],
    ['SELECT * FROM sqlite_master', 'SQL_FORBIDDEN', /engine's own/],
    ['SELECT * FROM pg_class', 'SQL_FORBIDDEN', /engine's own/],
    [
      'WITH a AS (SELECT 1 AS x) SELECT * FROM (SELECT * FROM a), (WITH b AS (SELECT 2) SELECT 1), b',
      'ASSET_NOT_FOUND',
      /"b"/,
    ],
  ])('%s is %s', async (sql, code, message) => {
    const error = await failure(ask(sql, [fakeAsset('t', places)]));
    expect(error).toEqual({ code, message: expect.stringMatching(message) as string });
    expect((await ask('SELECT count(*) AS n FROM t', [fakeAsset('t', places)])).rows).toEqual([{ n: 4 }]);
  });

  test('a forged or leaked token of one query opens nothing in another', async () => {
    const { explanation } = await ask('SELECT count(*) FROM t', [fakeAsset('t', places)]);
    expect(JSON.stringify(explanation)).not.toMatch(/g[0-9a-f]{24}/);
  });
});

describe('cancelling', () => {
  const endless = 'SELECT sum(a.range * b.range % 7) AS s FROM range(100000000) a, range(1000000) b';

  test('stops a query within the engine, and the next one runs', async () => {
    for (let round = 0; round < 3; round++) {
      const controller = new AbortController();
      const work = failure(ask(endless, [], controller.signal));
      setTimeout(() => controller.abort(), 50 * round);
      expect((await work).code).toBe('CANCELLED');
      expect((await ask('SELECT 1 AS a')).rows).toEqual([{ a: 1 }]);
    }
  });

  test('stops a scan of segments and a store that is being read', async () => {
    const big = await segments('big', numbered(20_000), 1000);
    const controller = new AbortController();
    const work = failure(
      ask('SELECT count(*) FROM big a, big b, big c WHERE a.half + b.half + c.half = -1', [big], controller.signal),
    );
    setTimeout(() => controller.abort(), 200);
    expect((await work).code).toBe('CANCELLED');
    const second = new AbortController();
    const slow = fakeAsset('slow', places, {
      beforeBatch: () => new Promise((resolve) => setTimeout(resolve, 60_000).unref()),
    });
    const reading = failure(ask('SELECT * FROM slow', [slow], second.signal));
    setTimeout(() => second.abort(), 100);
    expect((await reading).code).toBe('CANCELLED');
    expect((await ask('SELECT count(*) AS n FROM big', [big])).rows).toEqual([{ n: 20_000 }]);
  });

  test('happens when the result is closed before its end', async () => {
    const result = await engine.run({ sql: 'SELECT * FROM range(100000000)' }, fakeResolver([]));
    for await (const batch of result.batches) {
      expect(batch.numRows).toBeGreaterThan(0);
      break;
    }
    await result[Symbol.asyncDispose]();
    const unread = await engine.run({ sql: 'SELECT * FROM range(100000000)' }, fakeResolver([]));
    await unread[Symbol.asyncDispose]();
    expect((await ask('SELECT 1 AS a')).rows).toEqual([{ a: 1 }]);
  });

  test('before the start is respected', async () => {
    expect((await failure(ask('SELECT 1', [], AbortSignal.abort()))).code).toBe('CANCELLED');
  });
});

test('queries run side by side, and more than have a place wait', async () => {
  const table = numbered(3000);
  const asset = await segments('shared', table, 1000);
  const answers = await Promise.all(
    Array.from({ length: QUERIES_OPEN_MAX * 4 }, (_, i) =>
      ask(`SELECT count(*) AS n FROM shared WHERE id >= ${i}`, [asset]),
    ),
  );
  expect(answers.map(({ rows }) => rows[0]!.n)).toEqual(answers.map((_, i) => 3000 - i));
});

test('a result is sent no faster than it is read', async () => {
  await using result = await engine.run({ sql: 'SELECT range AS a FROM range(5000000)' }, fakeResolver([]));
  let sum = 0n;
  for await (const batch of result.batches) {
    for (const value of batch.getChildAt(0)!.toArray() as BigInt64Array) sum += value;
  }
  expect(sum).toBe(12_499_997_500_000n);
});

test('a query that needs more memory than it may use spills to disk', async () => {
  const { rows } = await ask(
    'SELECT count(*) AS n FROM (SELECT range AS a, repeat(range::VARCHAR, 20) AS b FROM range(2000000) ORDER BY b)',
  );
  expect(rows).toEqual([{ n: 2_000_000 }]);
});

test('an engine that was closed says so', async () => {
  const own = createDuckdbEngine({
    temporaryFolder: folder.path,
    cacheByteCountMax: 2 ** 20,
    memoryByteCountMax: 2 ** 27,
    threadCount: 1,
  });
  const result = await own.run({ sql: 'SELECT * FROM range(100000000)' }, fakeResolver([]));
  await own[Symbol.asyncDispose]();
  await expect(Array.fromAsync(result.batches)).rejects.toMatchObject({ code: 'CANCELLED' });
  await expect(own.run({ sql: 'SELECT 1' }, fakeResolver([]))).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('Parquet is written, and measured by column', async () => {
  const table = numbered(5000);
  async function* batches() {
    yield* table.batches;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of engine.writeParquet(table.schema, batches())) chunks.push(chunk);
  const file = Buffer.concat(chunks);
  expect(file.subarray(0, 4).toString()).toBe('PAR1');
  expect(file.subarray(-4).toString()).toBe('PAR1');
  const sizes = await engine.parquetBaseline(table.schema, batches());
  expect(sizes).toHaveLength(4);
  expect(sizes.every((size) => size > 0)).toBe(true);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(file.length);
});
