import { expect, test } from 'vitest';
import type { AssetOutput } from '#core/catalog/index.ts';
import type { Diagnosis } from '../operations.ts';
import { homesFolder, openLocalNode } from './testing/local-nodes.ts';

test('doctor looks at spaces once there are any, and an asset tells its space', async () => {
  await using folder = await homesFolder();
  await using node = await openLocalNode(folder.path, 'mill');
  await node.ingest('readings', 'id\n1\n');
  const subjects = async () => (await node.call<Diagnosis>('diagnose')).checks.map(({ subject }) => subject);
  expect(await subjects()).not.toContain('peers');
  await node.call('createSpace', { name: 'Harvest' });
  await node.call('shareAssets', { space: 'Harvest', assets: ['readings'] });
  const { checks } = await node.call<Diagnosis>('diagnose');
  const found = checks.filter(({ subject }) => /^(space|peers|incarnation)/.test(subject));
  expect(found.map(({ subject, state }) => `${subject}: ${state}`)).toEqual([
    'incarnation marker: ok',
    'space Harvest: ok',
    'space Harvest: ok',
    'peers: ok',
  ]);
  expect(found[1]!.text).toMatch(/^\d+ operations in 2 logs, signatures hold$/);
  expect((await node.call<AssetOutput>('getAsset', { name: 'readings' })).space).toEqual({
    name: 'Harvest',
    segmentCount: 1,
    missingSegmentCount: 0,
  });
});
