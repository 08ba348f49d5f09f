import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { createLocalClient } from '#core/api/index.ts';
import { createNode } from '#core/node/create-node.ts';
import type { QueryOutput } from '#core/query/index.ts';
import { FLIGHTS, FLIGHTS_ROWS, openDuckdb, temporaryFolder, writeParquetZstd } from './data.ts';
import { atMost, type Benchmark, measureCommand, median, type Measurement, ratio, reported } from './measure.ts';

const COLD_RATIO_MAX = 4;
const WARM_RATIO_MAX = 2;
const BYTES_SHARE_MAX = 0.02;
const PRUNED_MILLISECONDS_MAX = 15;

/** An odd number, so that the middle one is one of them. */
const WARM_RUNS = 9;
const COLD_RUNS = 3;

/** The threads of the engine load what they need after the first query; nothing is decoded by then. */
const SETTLE_MILLISECONDS = 2000;

/** Row groups of the table in which one is looked for. */
const ROW_GROUPS = 100;
const ROW_GROUP_ROWS = 2 ** 18;

const BY_ORIGIN = 'SELECT origin, avg(delay) AS delay, count(*) AS n FROM flights GROUP BY origin ORDER BY origin';
const BY_TEXT = 'SELECT count(*) AS n FROM (SELECT text, count(*) FROM texts GROUP BY text)';

/** Flights grouped cold and warm, long texts grouped, and one row group found among a hundred: against DuckDB on Parquet. */
export const queryBenchmark: Benchmark = {
  name: 'query',
  async run() {
    await using folder = await temporaryFolder();
    const duckdb = await openDuckdb();
    const home = join(folder.path, 'home');
    const files = {
      flights: join(folder.path, 'flights.parquet'),
      texts: join(folder.path, 'texts.parquet'),
      sorted: join(folder.path, 'sorted.parquet'),
    };
    await writeParquetZstd(duckdb, `SELECT * FROM '${FLIGHTS}'`, files.flights);
    const texts = `SELECT 'a text of some length that no other row has, number ' || (i * 7919 % 1000003) AS text FROM range(1000000) t(i)`;
    await writeParquetZstd(duckdb, texts, files.texts);
    const sorted = `SELECT i AS id, i % 1000 AS value FROM range(${ROW_GROUPS * ROW_GROUP_ROWS}) t(i)`;
    await writeParquetZstd(duckdb, sorted, files.sorted);
    for (const [name, file] of Object.entries(files)) await measureCommand(home, ['ingest', file, '--asset', name]);
    return [
      ...(await grouped(duckdb, home, files.flights)),
      ...(await groupedTexts(duckdb, home, files.texts)),
      ...(await pruned(home)),
    ];
  },
};

type Ask = (sql: string, explain?: boolean) => Promise<QueryOutput>;

/** A node of its own: nothing is decoded yet, and no code is warm but what the first empty query has run. */
async function withNode<T>(home: string, use: (ask: Ask) => Promise<T>): Promise<T> {
  await using node = await createNode({ home, command: 'benchmark' });
  const client = createLocalClient(node.registry, { ...node.owner, sourceIp: null, deviceInfo: 'benchmark' });
  const ask: Ask = async (sql, explain = false) =>
    (await client.call('query', { sql, format: 'arrow', explain })) as QueryOutput;
  await ask('SELECT 1');
  await sleep(SETTLE_MILLISECONDS);
  return await use(ask);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function times(count: number, work: () => Promise<unknown>): Promise<number> {
  const measured: number[] = [];
  for (let i = 0; i < count; i++) measured.push(await timed(work));
  return median(measured);
}

const parquetTime = (duckdb: DuckDBConnection, sql: string): Promise<number> =>
  times(WARM_RUNS, () => duckdb.runAndReadAll(sql));

/** The same statement as the first one of a fresh process with DuckDB: what a cold query is compared with. */
function coldParquetTime(sql: string): number {
  const script = fileURLToPath(new URL('./duckdb-once.ts', import.meta.url));
  const run = () => Number(execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', script, sql]));
  return median(Array.from({ length: COLD_RUNS }, run));
}

async function grouped(duckdb: DuckDBConnection, home: string, file: string): Promise<readonly Measurement[]> {
  const onParquet = BY_ORIGIN.replace('flights', `'${file}'`);
  const parquet = await parquetTime(duckdb, onParquet);
  const coldParquet = coldParquetTime(onParquet);
  const cold: number[] = [];
  let warm = 0;
  for (let i = 0; i < COLD_RUNS; i++) {
    await withNode(home, async (ask) => {
      cold.push(await timed(() => ask(BY_ORIGIN)));
      const { explanation } = await ask(BY_ORIGIN, true);
      if (explanation?.scans[0]?.bytesRead !== 0) throw new Error('The second query did not find its columns decoded.');
      warm = await times(WARM_RUNS, () => ask(BY_ORIGIN));
    });
  }
  return [
    reported(
      `${FLIGHTS_ROWS.toLocaleString('en-US')} flights by origin, DuckDB on Parquet`,
      `${coldParquet.toFixed(0)} ms cold, ${parquet.toFixed(0)} ms warm`,
    ),
    atMost('the same, cold in a fresh process, against cold', median(cold) / coldParquet, COLD_RATIO_MAX, ratio),
    reported('the same, cold, against DuckDB warm', ratio(median(cold) / parquet)),
    atMost('the same, warm, against warm', warm / parquet, WARM_RATIO_MAX, ratio),
  ];
}

async function groupedTexts(duckdb: DuckDBConnection, home: string, file: string): Promise<readonly Measurement[]> {
  const parquet = await parquetTime(duckdb, BY_TEXT.replace('texts', `'${file}'`));
  return await withNode(home, async (ask) => {
    const cold = await timed(() => ask(BY_TEXT));
    const warm = await times(COLD_RUNS, () => ask(BY_TEXT));
    return [
      reported('1 M long distinct texts grouped, cold, against Parquet', ratio(cold / parquet)),
      reported('the same, warm', ratio(warm / parquet)),
    ];
  });
}

async function pruned(home: string): Promise<readonly Measurement[]> {
  const all = 'SELECT sum(value) AS s FROM sorted';
  const one = (start: number) => `SELECT sum(value) AS s FROM sorted WHERE id BETWEEN ${start} AND ${start + 100}`;
  return await withNode(home, async (ask) => {
    const empty = await times(WARM_RUNS, () => ask('SELECT 1'));
    let group = 0;
    const found = await times(WARM_RUNS, () => ask(one(group++ * ROW_GROUP_ROWS + 1000)));
    const { explanation: part } = await ask(one(90 * ROW_GROUP_ROWS), true);
    const { explanation: whole } = await ask(`${all} WHERE id >= 0`, true);
    const [few, many] = [part!.scans[0]!, whole!.scans[0]!];
    if (few.rowGroups - few.rowGroupsSkipped !== 1) throw new Error('More than one row group was read.');
    // What earlier queries have decoded is not read again; it is counted as if it were.
    const bytes = many.bytesRead * (many.rowGroups / (many.rowGroups - group - 1));
    return [
      atMost(
        'bytes read for 1 of 100 row groups',
        few.bytesRead / bytes,
        BYTES_SHARE_MAX,
        (share) => `${(share * 100).toFixed(2)} %`,
      ),
      atMost(
        'time for it over an empty query',
        found - empty,
        PRUNED_MILLISECONDS_MAX,
        (value) => `${value.toFixed(1)} ms`,
      ),
    ];
  });
}
