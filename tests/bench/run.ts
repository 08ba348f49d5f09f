// `npm run bench` runs every benchmark, `npm run bench -- NAME…` the named ones. Speeds are ratios of two sides in one
// run wherever there is another side; what misses its target is printed as missed.
import { renderRows } from '#core/node/cli/render-rows.ts';
import { codecBenchmark } from './codec.ts';
import { fuzzBenchmark } from './fuzz.ts';
import { ingestBenchmark } from './ingest.ts';
import type { Benchmark } from './measure.ts';
import { queryBenchmark } from './query.ts';
import { sizesBenchmark } from './sizes.ts';
import { startBenchmark } from './start.ts';
import { structuredBenchmark } from './structured.ts';
import { SYNC_PARTS, syncBenchmark } from './sync.ts';

const benchmarks: readonly Benchmark[] = [
  ingestBenchmark,
  queryBenchmark,
  structuredBenchmark,
  startBenchmark,
  codecBenchmark,
  sizesBenchmark,
  fuzzBenchmark,
  syncBenchmark,
];
/** Run when they are named; together they are one of those above. */
const parts: readonly Benchmark[] = SYNC_PARTS;

const wanted = process.argv.slice(2);
const known = [...benchmarks, ...parts];
const unknown = wanted.filter((name) => !known.some((benchmark) => benchmark.name === name));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${known.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}
let missed = 0;
for (const benchmark of wanted.length > 0 ? known.filter(({ name }) => wanted.includes(name)) : benchmarks) {
  console.log(`\n${benchmark.name}`);
  const measurements = await benchmark.run();
  const verdicts = measurements.map(({ met }) => (met === undefined ? '' : met ? 'met' : 'MISSED'));
  const rows = measurements.map(({ what, measured, target }, i) => [what, measured, target, verdicts[i]!]);
  const columns = [
    { heading: '' },
    { heading: 'measured', align: 'right' },
    { heading: 'target', align: 'right' },
    { heading: '' },
  ] as const;
  for (const line of renderRows(columns, rows)) console.log(line);
  missed += verdicts.filter((verdict) => verdict === 'MISSED').length;
}
console.log(missed === 0 ? '\nEvery target is met.' : `\n${missed} targets are missed.`);
