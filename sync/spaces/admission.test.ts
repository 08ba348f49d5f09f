import { expect, test } from 'vitest';
import { ACTOR } from '#core/catalog/testing/catalog-world.ts';
import { toHex } from '#core/kernel/index.ts';
import { admit, context, emptyHome, meet, type MemoryNode, meetAll, openMemoryNode } from './testing/memory-node.ts';

const by = { actor: ACTOR };
const SPACE = 'Harvest';

const rootOf = async (node: MemoryNode) => {
  const space = await node.spaces.find(SPACE);
  await space.refresh();
  return toHex(space.view.root);
};
const hashOf = async (node: MemoryNode) => (await node.spaces.describeSpace(SPACE)).projectionHash;

test('nodes that heard of removals in another order have the same root, and what members built on', async () => {
  const [ada, bob, cleo, dora, eve] = (await Promise.all(
    ['ada', 'bob', 'cleo', 'dora', 'eve'].map((name) => openMemoryNode(emptyHome(name))),
  )) as [MemoryNode, MemoryNode, MemoryNode, MemoryNode, MemoryNode];
  await ada.spaces.createSpace(SPACE);
  const { id } = await ada.createAsset('weather');
  await ada.spaces.shareAssets(SPACE, ['weather'], 'metadata', context);
  await admit(ada, SPACE, bob, 'manage');
  for (const node of [dora, eve]) await admit(ada, SPACE, node, 'write');
  await meetAll(ada, bob, dora, eve);

  // Bob lets Cleo in, and Eve builds on what Cleo writes. Ada, who knows of neither, and Bob remove each other.
  await admit(bob, SPACE, cleo, 'write');
  await meetAll(bob, cleo);
  await cleo.catalog.updateAsset(id, { tags: ['cleo'] }, by);
  await meetAll(bob, cleo, eve);
  await eve.catalog.updateAsset(id, { description: 'rain' }, by);
  await eve.spaces.settle();
  await ada.spaces.revokeAccess(SPACE, 'bob');
  await bob.spaces.revokeAccess(SPACE, 'ada');
  await meet(ada, dora);
  await meet(bob, eve);
  await meetAll(dora, eve);
  expect(await rootOf(dora)).toBe(await rootOf(eve));
  expect(await hashOf(dora)).toBe(await hashOf(eve));
  for (const node of [dora, eve]) {
    expect((await node.spaces.describeSpace(SPACE)).waiting).toEqual({});
    expect(await node.catalog.getAsset(id)).toMatchObject({ description: 'rain', tags: [] });
    const { access } = await node.spaces.find(SPACE);
    expect([ada, bob, cleo].map(({ device }) => access.levelNow(device))).toEqual([null, null, null]);
  }
});
