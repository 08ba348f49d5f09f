import { expect, test } from 'vitest';
import { simulateWholeFederation } from './whole-federation.ts';

/** The first ones, and others that found a fault once. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 18, 30];

test(`${SEEDS.length} federations of whole nodes show the same, and nothing that nobody had the right to say`, async () => {
  const totals: Record<string, number> = {};
  for (const seed of SEEDS) {
    const figures = await simulateWholeFederation(seed, { nodeCount: 5, troubledRounds: 12 });
    for (const [what, count] of Object.entries(figures)) totals[what] = (totals[what] ?? 0) + count;
  }
  console.log(`${SEEDS.length} federations of whole nodes: ${JSON.stringify(totals)}`);
  // A simulation in which nothing fails proves nothing.
  for (const trouble of ['refused', 'removals', 'rogues', 'crashes', 'restores', 'away', 'snapshots', 'pruned'])
    expect(totals[trouble], trouble).toBeGreaterThan(0);
});

test('a seed says the same every time', async () => {
  const options = { nodeCount: 4, troubledRounds: 4 };
  const steps = async () => {
    const lines: string[] = [];
    await simulateWholeFederation(1, options, (line) => lines.push(line));
    return lines;
  };
  expect(await steps()).toEqual(await steps());
});

const stepsOf = async (seed: number) => {
  const steps: string[] = [];
  await simulateWholeFederation(seed, { nodeCount: 5, troubledRounds: 20 }, (line) => steps.push(line));
  return steps.join('\n');
};

test('who is let in again by a node that came back from a backup without knowing of it agrees with all', async () => {
  expect(await stepsOf(72)).toContain('node 0 lets node 4 in again');
});

test('managers who remove each other leave members that agree', async () => {
  // One of them is the founder.
  const steps = await stepsOf(5);
  expect(steps).toContain('node 0 removes node 1');
  expect(steps).toContain('node 1 removes node 0');
});
