// `npm run simulate -- --seeds 2000 --nodes 8 [--from 1]` runs so many federations and prints the seeds that fail.
import { parseArgs } from 'node:util';
import { simulateFederation } from './federation.ts';

const TROUBLED_ROUNDS = 20;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    nodes: { type: 'string', default: '8' },
    from: { type: 'string', default: '1' },
  },
});
const [seeds, nodeCount, from] = [Number(values.seeds), Number(values.nodes), Number(values.from)];
const totals: Record<string, number> = {};
let failed = 0;
const start = performance.now();
for (let seed = from; seed < from + seeds; seed++) {
  try {
    const figures = await simulateFederation(seed, { nodeCount, troubledRounds: TROUBLED_ROUNDS });
    for (const [what, count] of Object.entries(figures)) totals[what] = (totals[what] ?? 0) + count;
  } catch (error) {
    failed += 1;
    console.error(error instanceof Error ? error.message : error);
  }
}
for (const [what, count] of Object.entries(totals)) console.log(`${what}: ${count.toLocaleString('en-US')}`);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(`${seeds} federations of ${nodeCount} nodes from seed ${from} in ${seconds} s, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
