import { expect, test } from 'vitest';
import type { CompactionOutput, SpaceDescription } from '#sync/spaces/index.ts';
import { temporaryFolder } from '#tests/support/granary.ts';
import { createSyncNode, describeSpace, ingest, letIn, patiently, untilAgreed } from '#tests/support/sync-node.ts';

const CHANGES = 30;

test('two nodes compact a space by the command line, and a third one starts from the snapshot', async () => {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await temporaryFolder());
  const anna = stack.use(await createSyncNode(path, 'anna'));
  const bo = stack.use(await createSyncNode(path, 'bo'));
  const cleo = stack.use(await createSyncNode(path, 'cleo'));
  for (const node of [anna, bo, cleo]) await node.start();
  await anna.call('createSpace', { name: 'Coop' });
  await letIn(anna, 'Coop', bo);
  await ingest(anna, 'readings', 'readings.csv', 'celsius\n21.5\n');
  await anna.call('shareAssets', { space: 'Coop', assets: ['readings'], subscribe: 'data' });
  for (let i = 0; i < CHANGES; i++) {
    const changes = { addTags: [`day ${i}`], description: `As it was after ${i} days.` };
    await anna.call('updateAsset', { name: 'readings', ...changes });
    await describeSpace(anna, 'Coop');
  }
  await untilAgreed('Coop', anna, bo);

  const first = await anna.json<CompactionOutput>('space', 'compact', 'Coop');
  expect(first).toMatchObject({ taken: 1, acknowledged: 1, droppedOperations: 0, waiting: [{ needed: 2 }] });
  await untilAgreed('Coop', anna, bo);
  const { stdout } = await bo.run('space', 'compact', 'Coop');
  expect(stdout).toMatch(/^Coop: 0 snapshots taken, 1 acknowledged\n[\d.,]+ kB of \d+ operations dropped here\n$/);
  const compaction = async () => (await describeSpace(anna, 'Coop')).compaction;
  await expect.poll(async () => (await compaction()).prunedOperations, patiently).toBeGreaterThan(CHANGES);
  expect(await compaction()).toMatchObject({ snapshots: 1, waiting: [] });
  const { stdout: diagnosis } = await anna.run('doctor');
  expect(diagnosis).toMatch(
    /ok +space Coop +\d+ operations in \d+ logs, signatures hold, \d+ of them without the bodies/,
  );
  expect((await anna.run('explain-sync', 'readings')).stdout).toContain('A snapshot stands for its first');

  await letIn(anna, 'Coop', cleo);
  await untilAgreed('Coop', anna, bo, cleo);
  const { prunedOperations } = (await cleo.json<SpaceDescription>('space', 'show', 'Coop')).compaction;
  expect(prunedOperations).toBeGreaterThan(CHANGES);
  await bo.call('updateAsset', { name: 'readings', description: 'Afterwards.' });
  await untilAgreed('Coop', anna, bo, cleo);
});
