// `npm run simulate -- --seeds 2000 --nodes 8 [--from 1] [--rounds 20] [--loss 0.3] [--signed] [--whole]` runs so many
// federations and prints the seeds that fail, and how long the nodes took to agree. In so many rounds everything can happen;
// `--loss` breaks lines also after them; `--signed` takes real logs with signatures, which are slower; `--whole` takes nodes
// with all their layers.
import { parseArgs } from 'node:util';
import { CALL_INTERVAL_SECONDS, simulateFederation } from './federation.ts';
import { createMemoryDevice } from './memory-device.ts';
import { createSignedDevice } from './signed-device.ts';
import { simulateWholeFederation } from './whole/whole-federation.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    nodes: { type: 'string', default: '8' },
    from: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '20' },
    loss: { type: 'string', default: '0' },
    signed: { type: 'boolean', default: false },
    whole: { type: 'boolean', default: false },
  },
});
const [seeds, nodeCount, from] = [Number(values.seeds), Number(values.nodes), Number(values.from)];
const troubledRounds = Number(values.rounds);
const lossWhileHealing = Number(values.loss);
const createDevice = values.signed ? createSignedDevice : createMemoryDevice;

async function simulate(seed: number): Promise<Readonly<Record<string, number>> & { readonly seconds: number }> {
  if (values.whole) {
    const { healingSeconds: seconds, ...figures } = await simulateWholeFederation(seed, {
      nodeCount,
      troubledRounds,
    });
    return { ...figures, seconds };
  }
  const figures = await simulateFederation(seed, {
    nodeCount,
    troubledRounds,
    lossWhileHealing,
    createDevice,
  });
  return { ...figures, seconds: figures.healingRounds * CALL_INTERVAL_SECONDS };
}

const seconds: number[] = [];
const totals: Record<string, number> = {};
let failed = 0;
const start = performance.now();
for (let seed = from; seed < from + seeds; seed++) {
  try {
    const { seconds: healing, ...figures } = await simulate(seed);
    seconds.push(healing);
    for (const [what, count] of Object.entries(figures)) totals[what] = (totals[what] ?? 0) + count;
  } catch (error) {
    failed += 1;
    console.error(error instanceof Error ? error.message : error);
  }
}
for (const [what, count] of Object.entries(totals)) console.log(`${what}: ${count.toLocaleString('en-US')}`);
seconds.sort((left, right) => left - right);
console.log(`simulated seconds to agree: median ${seconds[seconds.length >> 1]}, most ${seconds.at(-1)}`);
const took = ((performance.now() - start) / 1000).toFixed(1);
console.log(`${seeds} federations of ${nodeCount} nodes from seed ${from} in ${took} s, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
