import { expect, test } from 'vitest';
import { ACTOR, testSegment } from '#core/catalog/testing/catalog-world.ts';
import type { AssetId } from '#core/kernel/index.ts';
import { prefixRange } from '#core/platform/ports.ts';
import type { Subscription } from './shared-asset.ts';
import { LACKING_ROWS } from './space-keys.ts';
import { admit, context, emptyHome, type MemoryNode, meetAll, openMemoryNode } from './testing/memory-node.ts';

const { signal } = new AbortController();
const SPACE = 'coop';

/** Anna, who has rows, and Bo, to whom they come. */
async function openPair() {
  const [anna, bo] = [await openMemoryNode(emptyHome('anna')), await openMemoryNode(emptyHome('bo'))];
  await anna.spaces.createSpace(SPACE);
  await admit(anna, SPACE, bo, 'write');
  const share = async (name: string, subscription: Subscription, ...numbers: number[]): Promise<AssetId> => {
    const { id } = await anna.createAsset(name);
    if (numbers.length > 0) await anna.appendRows(id, ...numbers);
    await anna.spaces.shareAssets(SPACE, [id], subscription, context);
    await meetAll(anna, bo);
    return id;
  };
  return { anna, bo, share };
}

const lacking = ({ spaces }: MemoryNode, isKnown: (asset: AssetId) => boolean = () => false) =>
  spaces.lackingRows(isKnown, { signal });

async function marked({ home }: MemoryNode): Promise<number> {
  return (await Array.fromAsync(home.store.entries(prefixRange(LACKING_ROWS)))).length;
}

test('rows that members are to have are lacking until all of them are here', async () => {
  const { anna, bo, share } = await openPair();
  const asset = await share('harvest', 'data', 1, 2);
  await share('trees', 'metadata', 3);
  await share('plans', 'data');
  expect(await lacking(bo)).toEqual([asset]);
  // The others are not looked at again.
  expect(await marked(bo)).toBe(1);
  expect(await lacking(bo, (one) => one === asset)).toEqual([]);
  await bo.catalog.confirmSegments(asset, [testSegment(1)]);
  expect(await lacking(bo)).toEqual([asset]);
  await bo.catalog.confirmSegments(asset, [testSegment(2)]);
  expect(await lacking(bo)).toEqual([]);
  expect(await marked(bo)).toBe(0);
  await anna.appendRows(asset, 4);
  await meetAll(anna, bo);
  expect(await lacking(bo)).toEqual([asset]);
  expect([await lacking(anna), await marked(anna)]).toEqual([[], 0]);
});

test('an asset whose rows a person wants is looked at from then on, and no longer when they do not', async () => {
  const { bo, share } = await openPair();
  const asset = await share('harvest', 'metadata', 1);
  expect([await lacking(bo), await marked(bo)]).toEqual([[], 0]);
  await bo.spaces.subscribe(asset, 'data');
  expect(await lacking(bo)).toEqual([asset]);
  await bo.spaces.subscribe(asset, 'metadata');
  expect([await lacking(bo), await marked(bo)]).toEqual([[], 0]);
});

test('what others are to have by themselves can be said later, and an asset that is gone wants nothing', async () => {
  const { anna, bo, share } = await openPair();
  const asset = await share('harvest', 'metadata', 1);
  expect(await lacking(bo)).toEqual([]);
  await anna.spaces.shareAssets(SPACE, [asset], 'data', context);
  await meetAll(anna, bo);
  expect(await lacking(bo)).toEqual([asset]);
  await anna.catalog.removeAsset(asset, { actor: ACTOR });
  await meetAll(anna, bo);
  expect([await lacking(bo), await marked(bo)]).toEqual([[], 0]);
});
