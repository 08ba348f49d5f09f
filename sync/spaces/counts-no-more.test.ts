import { describe, expect, it } from 'vitest';
import { ACTOR } from '#core/catalog/testing/catalog-world.ts';
import { agree, CONTEXT, type FederationNode, invite, newNode } from './testing/federation.ts';
import {
  admit,
  context,
  copyHome,
  emptyHome,
  meetAll,
  type MemoryNode,
  openMemoryNode,
} from './testing/memory-node.ts';

const by = { actor: ACTOR };

describe('what a removal makes void', () => {
  /** Cleo has told bob, and ada, who knows nothing of it, removes her. */
  async function removeCleo(tell: (cleo: FederationNode) => Promise<unknown>) {
    const [ada, bob, cleo] = [await newNode('ada'), await newNode('bob'), await newNode('cleo')];
    await ada.spaces.createSpace('team');
    for (const guest of [bob, cleo]) await invite(ada, guest, 'team', 'write');
    await ada.catalog.createAsset({ name: 'sales', assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' }, by);
    await ada.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
    await agree(ada, bob, cleo);
    await tell(cleo);
    await agree(bob, cleo);
    await ada.spaces.revokeAccess('team', 'cleo');
    const before = await bob.catalog.assetNames();
    await agree(ada, bob);
    return { ada, bob, before };
  }

  it('takes an asset out of the catalog that had it', async () => {
    const { bob, before } = await removeCleo(async (cleo) => {
      await cleo.commit('plants', [1]);
      await cleo.spaces.shareAssets('team', ['plants'], 'metadata', CONTEXT);
    });
    expect(before.toSorted()).toEqual(['plants', 'sales']);
    expect(await bob.catalog.assetNames()).toEqual(['sales']);
  });

  it('takes rows out when there are no others, and what comes then is told as a whole', async () => {
    const { ada, bob } = await removeCleo((cleo) => cleo.commit('sales', [1, 2]));
    for (const node of [ada, bob]) expect(await node.rows('sales')).toEqual([]);
    expect(await bob.catalog.getAsset('sales')).toMatchObject({ rowCount: 0, segmentCount: 0 });
    // Nobody tells that there is nothing.
    const { operationCount } = await ada.spaces.describeSpace('team');
    await agree(ada, bob);
    expect(await ada.spaces.describeSpace('team')).toMatchObject({ operationCount });
    await bob.commit('sales', [3]);
    await agree(ada, bob);
    for (const node of [ada, bob]) expect(await node.rows('sales')).toEqual([3]);
    expect((await ada.spaces.listHeads('sales')).heads).toHaveLength(1);
  });
});

describe('what a fork takes away', () => {
  const home = (name: string) => openMemoryNode(emptyHome(name));

  it('takes an asset out of the catalog that had it, until somebody tells it in its place', async () => {
    const [anna, bert] = [await home('anna'), await home('bert')];
    await anna.spaces.createSpace('Harvest');
    await admit(anna, 'Harvest', bert, 'write');
    await anna.createAsset('weather');
    await anna.spaces.shareAssets('Harvest', ['weather'], 'data', context);
    await meetAll(anna, bert);
    const backup = await copyHome(anna.home);
    const { id } = await anna.createAsset('rivers');
    await anna.appendRows(id, 1);
    await anna.spaces.shareAssets('Harvest', ['rivers'], 'data', context);
    await meetAll(anna, bert);
    expect(await bert.segmentNumbers(id)).toEqual([1]);

    const again = await openMemoryNode(backup);
    await again.createAsset('hills');
    await again.spaces.shareAssets('Harvest', ['hills'], 'data', context);
    await meetAll(again, bert);
    for (const { catalog } of [again, bert]) {
      expect((await catalog.assetNames()).toSorted()).toEqual(['hills', 'weather']);
    }
    await bert.spaces.adoptFork('Harvest', 'anna');
    await meetAll(again, bert);
    for (const node of [again, bert]) {
      expect((await node.catalog.assetNames()).toSorted()).toEqual(['hills', 'rivers', 'weather']);
      expect(await node.segmentNumbers(id)).toEqual([1]);
    }
  });

  it('leaves all with the same of what was written by those who had seen it', async () => {
    const [anna, bert, cora] = [await home('anna'), await home('bert'), await home('cora')];
    await anna.spaces.createSpace('Harvest');
    for (const guest of [bert, cora]) await admit(anna, 'Harvest', guest, 'write');
    const { id } = await anna.createAsset('weather');
    await anna.spaces.shareAssets('Harvest', ['weather'], 'data', context);
    await meetAll(anna, bert, cora);
    const backup = await copyHome(anna.home);
    await admit(anna, 'Harvest', await home('dora'), 'write');
    await meetAll(anna, cora);
    await cora.catalog.updateAsset(id, { tags: ['by cora'] }, by);
    await meetAll(bert, cora);
    expect(await bert.catalog.getAsset(id)).toMatchObject({ tags: ['by cora'] });

    // Another grant takes the place of the one that cora had seen, and bert had applied what she wrote then.
    const again = await openMemoryNode(backup);
    await admit(again, 'Harvest', await home('eve'), 'write');
    await meetAll(again, bert);
    const shownBy = async ({ spaces, catalog }: MemoryNode) => {
      const { projectionHash, waiting } = await spaces.describeSpace('Harvest');
      return { projectionHash, waiting, tags: (await catalog.getAsset(id)).tags };
    };
    expect(await shownBy(bert)).toEqual(await shownBy(again));
  });
});
