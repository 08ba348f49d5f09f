// usage: node duckdb-once.ts SQL: prints the milliseconds of the first real statement of a fresh process with DuckDB.
import { openDuckdb } from './data.ts';

const duckdb = await openDuckdb();
await duckdb.runAndReadAll('SELECT 1');
const start = performance.now();
await duckdb.runAndReadAll(process.argv[2]!);
console.log(performance.now() - start);
