import { expect, test } from 'vitest';
import { CALL_INTERVAL_SECONDS, simulateFederation } from './federation.ts';
import { createSignedDevice } from './signed-device.ts';

const SEEDS = 20;

test(`${SEEDS} federations agree after losses, repeats, partitions and crashes`, async () => {
  const totals: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed++) {
    const figures = await simulateFederation(seed, { nodeCount: 4 + (seed % 5), troubledRounds: 12 });
    for (const [what, count] of Object.entries(figures)) totals[what] = (totals[what] ?? 0) + count;
  }
  console.log(`${SEEDS} federations: ${JSON.stringify(totals)}`);
  // A simulation in which nothing fails proves nothing.
  for (const trouble of ['interrupted', 'refused', 'stalled', 'crashes', 'restores', 'forks'])
    expect(totals[trouble]).toBeGreaterThan(0);
});

test('a seed says the same every time', async () => {
  const options = { nodeCount: 5, troubledRounds: 12 };
  expect(await simulateFederation(7, options)).toEqual(await simulateFederation(7, options));
});

test('32 nodes that lose 30 % of their sessions agree within a minute after the partitions have ended', async () => {
  const seconds: number[] = [];
  for (let seed = 1; seed <= 2; seed++) {
    const options = { nodeCount: 32, troubledRounds: 6, lossWhileHealing: 0.3 };
    const { healingRounds } = await simulateFederation(seed, options);
    seconds.push(healingRounds * CALL_INTERVAL_SECONDS);
  }
  console.log(`simulated seconds until 32 nodes agreed: ${seconds.join(', ')}`);
  expect(Math.max(...seconds)).toBeLessThanOrEqual(60);
});

test('federations of signed logs agree too, with control logs, registrations and forged operations', async () => {
  let forks = 0;
  for (const seed of [2, 4, 6]) {
    const options = { nodeCount: 5, troubledRounds: 8, createDevice: createSignedDevice };
    forks += (await simulateFederation(seed, options)).forks;
  }
  expect(forks).toBeGreaterThan(0);
});
