import { join } from 'node:path';
import type { IngestOutput } from '#core/ingestion/index.ts';
import { FLIGHTS, FLIGHTS_ROWS, openDuckdb, temporaryFolder, writeParquetZstd } from './data.ts';
import { atLeast, atMost, type Benchmark, measureCommand, mebibytes, perSecond, ratio, reported } from './measure.ts';

const ROWS_PER_SECOND_MIN = 750_000;
const PEAK_BYTES_MAX = 2 ** 30;
const PEAK_GROWTH_MAX = 1.2;

/** Files in: speed with verification, memory that does not follow the file, and the size of what is stored. */
export const ingestBenchmark: Benchmark = {
  name: 'ingest',
  async run() {
    await using folder = await temporaryFolder();
    const duckdb = await openDuckdb();
    const parquet = join(folder.path, 'flights.parquet');
    const parquetBytes = await writeParquetZstd(duckdb, `SELECT * FROM '${FLIGHTS}'`, parquet);
    const tenfold = join(folder.path, 'tenfold.parquet');
    await writeParquetZstd(duckdb, `SELECT f.* FROM range(10), '${FLIGHTS}' f`, tenfold);

    const small = await ingest(join(folder.path, 'small'), FLIGHTS, FLIGHTS_ROWS);
    const large = await ingest(join(folder.path, 'large'), tenfold, 10 * FLIGHTS_ROWS);
    const rate = (rowCount: number, milliseconds: number) => Math.round((rowCount / milliseconds) * 1000);
    return [
      atLeast('3 M flights, rows/s', rate(FLIGHTS_ROWS, small.milliseconds), ROWS_PER_SECOND_MIN, (value) =>
        value.toLocaleString('en-US'),
      ),
      reported('30 M flights, rows/s', perSecond(10 * FLIGHTS_ROWS, large.milliseconds)),
      atMost('peak memory, 3 M rows', small.peakBytes, PEAK_BYTES_MAX, mebibytes),
      atMost('peak memory, 30 M against 3 M rows', large.peakBytes / small.peakBytes, PEAK_GROWTH_MAX, ratio),
      atMost('segments against Parquet-zstd', small.storedBytes / parquetBytes, 1, ratio),
    ];
  },
};

async function ingest(home: string, file: string, rowCount: number) {
  const { stdout, peakBytes } = await measureCommand(home, ['ingest', file, '--asset', 'flights', '--json']);
  const output = JSON.parse(stdout) as IngestOutput;
  if (output.rowCount !== rowCount) throw new Error(`${output.rowCount} rows were stored instead of ${rowCount}.`);
  return { peakBytes, milliseconds: output.elapsedMilliseconds, storedBytes: output.byteCount };
}
