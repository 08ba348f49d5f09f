import { expect, test } from 'vitest';
import { ACTOR } from '#core/catalog/testing/catalog-world.ts';
import {
  admit,
  context,
  copyHome,
  emptyHome,
  meet,
  meetAll,
  type MemoryNode,
  openMemoryNode,
} from './testing/memory-node.ts';

const by = { actor: ACTOR };
const SPACE = 'Harvest';

const hashOf = async (node: MemoryNode) => (await node.spaces.describeSpace(SPACE)).projectionHash;

const countOf = async (node: MemoryNode) => (await node.spaces.describeSpace(SPACE)).operationCount;

/** A founder with an asset of one version that it shares, and a member who has it. */
async function shareOne() {
  const anna = await openMemoryNode(emptyHome('anna'));
  const bert = await openMemoryNode(emptyHome('bert'));
  await anna.spaces.createSpace(SPACE);
  const { id } = await anna.createAsset('weather');
  await anna.appendRows(id, 1);
  await anna.spaces.shareAssets(SPACE, ['weather'], 'data', context);
  await admit(anna, SPACE, bert, 'write');
  await meetAll(anna, bert);
  expect(await bert.segmentNumbers(id)).toEqual([1]);
  return { anna, bert, id };
}

test('a home that was restored unnoticed loses nothing that was done since, on either side', async () => {
  const { anna, bert, id } = await shareOne();
  const backup = await copyHome(anna.home);
  await anna.catalog.updateAsset(id, { tags: ['before'] }, by);
  await meetAll(anna, bert);
  expect((await bert.catalog.getAsset(id)).tags).toEqual(['before']);

  // The backup takes the place of the home, with the same marker word, and work goes on before anybody is met.
  const again = await openMemoryNode(backup);
  await again.catalog.updateAsset(id, { description: 'since the restore' }, by);
  await again.appendRows(id, 2);
  await again.spaces.settle();
  await again.appendRows(id, 3);
  const { id: other } = await again.createAsset('rivers');
  await again.spaces.shareAssets(SPACE, ['rivers'], 'metadata', context);

  await meetAll(again, bert);
  for (const node of [again, bert]) {
    expect(await node.catalog.getAsset(id)).toMatchObject({ description: 'since the restore' });
    expect(await node.segmentNumbers(id)).toEqual([1, 2, 3]);
    expect((await node.catalog.getAsset(other)).name).toBe('rivers');
  }
  expect(await hashOf(again)).toBe(await hashOf(bert));

  // Nothing is told twice, not after a restart either, and work goes on.
  const before = await countOf(again);
  const restarted = await openMemoryNode(again.home);
  await meetAll(restarted, bert);
  expect(await countOf(bert)).toBe(before);
  await restarted.catalog.updateAsset(id, { tags: ['after'] }, by);
  await bert.catalog.updateAsset(id, { description: 'by bert' }, by);
  await restarted.appendRows(id, 4);
  await meetAll(restarted, bert);
  for (const node of [restarted, bert]) {
    expect(await node.catalog.getAsset(id)).toMatchObject({ description: 'by bert', tags: ['after'] });
    expect(await node.segmentNumbers(id)).toEqual([1, 2, 3, 4]);
    expect((await node.spaces.describeSpace(SPACE)).refused).toEqual({});
  }
  expect(await hashOf(restarted)).toBe(await hashOf(bert));
});

test('who built on what a fork took away tells it anew, and is not stuck', async () => {
  const { anna, bert, id } = await shareOne();
  const backup = await copyHome(anna.home);
  await anna.catalog.updateAsset(id, { tags: ['before'], description: 'rain' }, by);
  await anna.appendRows(id, 2);
  await meetAll(anna, bert);
  await bert.catalog.updateAsset(id, { description: 'rain and wind' }, by);
  await bert.appendRows(id, 3);
  await bert.spaces.settle();

  const again = await openMemoryNode(backup);
  await again.catalog.updateAsset(id, { assetType: 'GRAPH' }, by);
  await meetAll(again, bert);
  await bert.catalog.updateAsset(id, { name: 'weather of June' }, by);
  await meetAll(again, bert);
  for (const node of [again, bert]) {
    const asset = await node.catalog.getAsset(id);
    expect(asset).toMatchObject({
      name: 'weather of June',
      assetType: 'GRAPH',
      tags: ['before'],
      description: 'rain and wind',
    });
    expect(await node.segmentNumbers(id)).toEqual([1, 2, 3]);
  }
  expect(await hashOf(again)).toBe(await hashOf(bert));
  const before = await countOf(bert);
  await meetAll(await openMemoryNode(again.home), await openMemoryNode(bert.home));
  expect(await countOf(again)).toBe(before);
});

test('what waits for what a fork took away is told by its author alone', async () => {
  const { anna, bert, id } = await shareOne();
  const cleo = await openMemoryNode(emptyHome('cleo'));
  await admit(anna, SPACE, cleo, 'write');
  await meetAll(anna, bert, cleo);
  const backup = await copyHome(anna.home);
  await anna.appendRows(id, 2);
  await meetAll(anna, bert, cleo);
  await bert.catalog.updateAsset(id, { description: 'rain' }, by);
  await meetAll(anna, bert, cleo);

  // A copy of Anna's home goes on as well. She and Bert hear of the fork at the same time.
  const copy = await openMemoryNode(backup);
  await copy.catalog.updateAsset(id, { tags: ['copy'] }, by);
  await copy.spaces.settle();
  await meet(copy, cleo);
  await meet(cleo, anna);
  await meet(copy, bert);
  await meetAll(anna, bert, cleo);
  for (const node of [anna, bert, cleo]) {
    expect(await node.catalog.getAsset(id)).toMatchObject({ description: 'rain', tags: ['copy'] });
    expect(await node.segmentNumbers(id)).toEqual([1, 2]);
    expect(await hashOf(node)).toBe(await hashOf(anna));
  }
});

test('rows that were added to what a fork took away are told with it', async () => {
  const { anna, bert, id } = await shareOne();
  const backup = await copyHome(anna.home);
  await anna.appendRows(id, 2);
  await meetAll(anna, bert);
  const again = await openMemoryNode(backup);
  await again.catalog.updateAsset(id, { description: 'since' }, by);
  await again.spaces.settle();
  // Bert hears of the fork before he can tell it.
  await bert.appendRows(id, 3);
  await meet(bert, again);
  await meetAll(bert, again);
  for (const node of [again, bert]) {
    expect(await node.segmentNumbers(id)).toEqual([1, 2, 3]);
    expect((await node.spaces.listHeads('weather')).heads).toHaveLength(1);
  }
});

test('what nobody has but others is shown, and told by whoever wants to', async () => {
  const { anna, bert, id } = await shareOne();
  const backup = await copyHome(anna.home);
  await anna.catalog.updateAsset(id, { tags: ['before'] }, by);
  await anna.appendRows(id, 2);
  await meetAll(anna, bert);
  const again = await openMemoryNode(backup);
  await again.catalog.updateAsset(id, { description: 'since' }, by);
  await meetAll(again, bert);
  for (const node of [again, bert]) {
    expect(await node.catalog.getAsset(id)).toMatchObject({ tags: [], description: 'since' });
    expect(await node.segmentNumbers(id)).toEqual([1]);
    const [fork, ...others] = await node.spaces.listForks(SPACE);
    expect(others).toEqual([]);
    const isThisDevice = node === again;
    expect(fork).toMatchObject({ name: 'anna', kind: 'data', isThisDevice, assets: ['weather'] });
    // With what the author had seen of the members and what relays are to keep, which stand in its log as well.
    expect(fork!.lostCount).toBe(isThisDevice ? 2 : 4);
  }
  expect(await bert.spaces.adoptFork(SPACE, 'anna')).toBe(2);
  expect(await bert.spaces.adoptFork(SPACE, 'anna')).toBe(0);
  await meetAll(again, bert);
  for (const node of [again, bert]) {
    expect(await node.catalog.getAsset(id)).toMatchObject({ tags: ['before'], description: 'since' });
    expect(await node.segmentNumbers(id)).toEqual([1, 2]);
  }
  expect(await hashOf(again)).toBe(await hashOf(bert));
});
