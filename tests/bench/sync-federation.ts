import { CALL_INTERVAL_SECONDS, simulateFederation } from '#tests/simulation/federation.ts';
import { atMost, type Benchmark } from './measure.ts';

const SEEDS = 3;
const NODES = 32;
const LOSS = 0.3;
const SECONDS_MAX = 60;

/** Federations of the simulator that lose many of their sessions also after the partitions; each checks its contents. */
export const syncFederationBenchmark: Benchmark = {
  name: 'sync-federation',
  async run() {
    const seconds: number[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const options = { nodeCount: NODES, troubledRounds: 6, lossWhileHealing: LOSS };
      const { healingRounds } = await simulateFederation(seed, options);
      seconds.push(healingRounds * CALL_INTERVAL_SECONDS);
    }
    const show = (value: number) => `${value} s`;
    return [
      atMost(`${NODES} nodes, 30 % loss, simulated seconds after healing`, Math.max(...seconds), SECONDS_MAX, show),
    ];
  },
};
