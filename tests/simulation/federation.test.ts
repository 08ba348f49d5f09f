import { expect, test } from 'vitest';
import { simulateFederation } from './federation.ts';

const SEEDS = 30;

test(`${SEEDS} federations agree after losses, repeats, partitions and crashes`, async () => {
  const totals: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed++) {
    const figures = await simulateFederation(seed, { nodeCount: 3 + (seed % 6), troubledRounds: 12 });
    for (const [what, count] of Object.entries(figures)) totals[what] = (totals[what] ?? 0) + count;
  }
  console.log(`${SEEDS} federations: ${JSON.stringify(totals)}`);
  // A simulation in which nothing fails proves nothing.
  for (const trouble of ['interrupted', 'refused', 'stalled', 'crashes']) expect(totals[trouble]).toBeGreaterThan(0);
});

test('a seed says the same every time', async () => {
  const options = { nodeCount: 5, troubledRounds: 12 };
  expect(await simulateFederation(7, options)).toEqual(await simulateFederation(7, options));
});
