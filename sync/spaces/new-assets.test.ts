import { expect, test } from 'vitest';
import { admit, context, emptyHome, meet, openMemoryNode } from './testing/memory-node.ts';
import { ACTOR } from '#core/catalog/testing/catalog-world.ts';

const by = { actor: ACTOR };
const namesOf = (prefix: string) => Array.from({ length: 30 }, (_, i) => `${prefix} ${i}`);

test('new assets are shown while more is coming, and those that are there once all of it is known', async () => {
  const founder = await openMemoryNode(emptyHome('founder'));
  const guest = await openMemoryNode(emptyHome('guest'));
  await founder.spaces.createSpace('all');
  await admit(founder, 'all', guest, 'write');
  const { id: old } = await founder.createAsset('old');
  await founder.spaces.shareAssets('all', ['old'], 'metadata', context);
  await founder.spaces.settle();
  await meet(guest, founder);

  for (const name of namesOf('new')) {
    await founder.createAsset(name);
    await founder.spaces.shareAssets('all', [name], 'metadata', context);
    await founder.catalog.updateAsset(old, { description: `Before ${name}.` }, by);
    await founder.spaces.settle();
  }
  let commits = 0;
  const before = await guest.catalog.lastSequence();
  const stop = guest.catalog.onCommit(() => (commits += 1));
  await meet(guest, founder);
  stop();
  expect(commits).toBeGreaterThan(3);
  const changes = await Array.fromAsync(guest.catalog.changesAfter(before));
  expect(changes.filter(({ assetId }) => assetId === old)).toHaveLength(1);
  expect(await guest.catalog.assetNames()).toEqual([...namesOf('new'), 'old'].sort());
  expect(await guest.catalog.getAsset(old)).toMatchObject({ description: 'Before new 29.' });
});
