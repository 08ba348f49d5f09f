import { join } from 'node:path';
import { createLocalClient } from '#core/api/index.ts';
import type { QueryOutput } from '#core/query/index.ts';
import { createNode } from '#core/node/create-node.ts';
import { openDuckdb, temporaryFolder, writeParquetZstd } from './data.ts';
import { atLeast, type Benchmark, measureCommand, median, perSecond, reported } from './measure.ts';

const ROWS = 1_000_000;
const ROWS_PER_SECOND_MIN = 400_000;
const RUNS = 3;

/** `select *` of an asset that lives in PGlite, through the whole of the query path. */
export const structuredBenchmark: Benchmark = {
  name: 'structured',
  async run() {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'home');
    const file = join(folder.path, 'rows.parquet');
    const select = `SELECT i AS id, 'name ' || (i % 1000) AS name, i / 7.0 AS value, TIMESTAMP '2026-01-01' + to_seconds(i) AS at FROM range(${ROWS}) t(i)`;
    await writeParquetZstd(await openDuckdb(), select, file);
    await measureCommand(home, ['ingest', file, '--asset', 'rows', '--format', 'postgres']);
    await using node = await createNode({ home, command: 'benchmark' });
    const client = createLocalClient(node.registry, { ...node.owner, sourceIp: null, deviceInfo: 'benchmark' });
    const times: number[] = [];
    for (let i = 0; i <= RUNS; i++) {
      const start = performance.now();
      const output = (await client.call('query', { sql: 'SELECT * FROM rows', format: 'arrow' })) as QueryOutput;
      times.push(performance.now() - start);
      if (output.rowCount !== ROWS) throw new Error(`${output.rowCount} rows came back instead of ${ROWS}.`);
    }
    const [first, ...others] = times as [number, ...number[]];
    const rate = Math.round((ROWS / median(others)) * 1000);
    return [
      reported('the first time, PGlite opens, rows/s', perSecond(ROWS, first)),
      atLeast('select * of 1 M rows in PGlite, rows/s', rate, ROWS_PER_SECOND_MIN, (value) =>
        value.toLocaleString('en-US'),
      ),
    ];
  },
};
