import { beforeEach, describe, expect, it } from 'vitest';
import { agree, CONTEXT, type FederationNode, invite, newNode, projectionHash } from './testing/federation.ts';

let ada: FederationNode;
let bob: FederationNode;

/** Ada and Bob both change `sales`, which has the segments 1 and 2, without knowledge of each other. */
beforeEach(async () => {
  [ada, bob] = [await newNode('ada'), await newNode('bob')];
  await ada.spaces.createSpace('team');
  await invite(ada, bob, 'team', 'write');
  await ada.commit('sales', [1, 2]);
  await ada.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
  await agree(ada, bob);
  await ada.commit('sales', [3], { removed: [1] });
  await bob.commit('sales', [4, 5]);
  await agree(ada, bob);
});

async function expectOneVersion(rows: readonly number[]): Promise<void> {
  for (const node of [ada, bob]) {
    expect((await node.rows('sales')).toSorted()).toEqual(rows);
    expect((await node.spaces.listHeads('sales')).heads).toHaveLength(1);
  }
  expect(await projectionHash(ada, 'team')).toBe(await projectionHash(bob, 'team'));
}

describe('versions made at the same time', () => {
  it('are shown with who made them, the same one first everywhere', async () => {
    const { heads } = await ada.spaces.listHeads('sales');
    expect(heads).toMatchObject([{ isShown: true }, { isShown: false }]);
    expect(heads.map(({ device }) => device).toSorted()).toEqual(['ada', 'bob']);
    const there = await bob.spaces.listHeads('sales');
    expect(there.heads.map(({ version }) => version)).toEqual(heads.map(({ version }) => version));
    expect(there.heads[0]!.isThisDevice).not.toBe(heads[0]!.isThisDevice);
  });

  it('are joined with the rows that both added and kept', async () => {
    expect(await bob.spaces.mergeHeads('sales', undefined)).toMatchObject({ merged: true, heads: [{ rowCount: 40 }] });
    await agree(ada, bob);
    await expectOneVersion([2, 3, 4, 5]);
  });

  it.each(['ada', 'bob'])('are joined with the rows of the one that is chosen: %s', async (name) => {
    const { heads } = await ada.spaces.listHeads('sales');
    const { version } = heads.find(({ device }) => device === name)!;
    await ada.spaces.mergeHeads('sales', version.slice(0, 12));
    await agree(ada, bob);
    await expectOneVersion(name === 'ada' ? [2, 3] : [1, 2, 4, 5]);
    expect((await bob.spaces.describeSpace('team')).assets).toMatchObject([{ versionCount: 4 }]);
  });

  it('stay readable where they were', async () => {
    const before = await ada.catalog.listVersions((await ada.catalog.getAsset('sales')).id);
    await ada.spaces.mergeHeads('sales', undefined);
    await agree(ada, bob);
    const { id } = await ada.catalog.getAsset('sales');
    expect((await ada.catalog.listVersions(id)).slice(-before.length)).toEqual(before);
    expect((await ada.catalog.getManifest(id, 2)).map((segment) => Number.parseInt(segment.id, 16))).toEqual([2, 3]);
  });

  it('are joined by two devices at the same time, and then once more', async () => {
    await ada.spaces.mergeHeads('sales', undefined);
    await bob.spaces.mergeHeads('sales', undefined);
    await agree(ada, bob);
    expect((await ada.spaces.listHeads('sales')).heads).toHaveLength(2);
    await bob.spaces.mergeHeads('sales', undefined);
    await agree(ada, bob);
    await expectOneVersion([2, 3, 4, 5]);
  });

  it('go on: who commits on top of the one that is shown leaves the other as it is', async () => {
    const shown = await ada.rows('sales');
    await ada.commit('sales', [6]);
    await agree(ada, bob);
    expect(await bob.rows('sales')).toEqual([...shown, 6]);
    await bob.spaces.mergeHeads('sales', undefined);
    await agree(ada, bob);
    await expectOneVersion([2, 3, 4, 5, 6]);
  });

  it('are not joined twice, nor with one that is not there', async () => {
    await expect(ada.spaces.mergeHeads('sales', 'ffff')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    await ada.spaces.mergeHeads('sales', undefined);
    expect(await ada.spaces.mergeHeads('sales', undefined)).toMatchObject({ merged: false, heads: [{}] });
  });
});
