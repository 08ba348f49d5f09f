import { describe, expect, it } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { createMemoryAgreements } from '#sync/reconcile/testing/memory-stores.ts';
import { openFailingStore } from './testing/failing-store.ts';
import {
  agree,
  CONTEXT,
  createDisk,
  type FederationNode,
  invite,
  meet,
  newNode,
  openNode,
  projectionHash,
} from './testing/federation.ts';

const share = (node: FederationNode) => node.spaces.shareAssets('team', ['sales'], 'data', CONTEXT);

async function unlessPowerGoes(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isGranaryError(error, 'IO_FAILED')) return false;
    throw error;
  }
}

/** Two nodes of which the first shares an asset, and the power goes at a write of one of them. */
async function openWorld() {
  const store = openFailingStore();
  const disk = createDisk('ada', store);
  const ada = await openNode(disk);
  const bob = await newNode('bob');
  await ada.spaces.createSpace('team');
  await invite(ada, bob, 'team', 'write');
  return { store, disk, ada, bob };
}

/** Runs the world with the power going at one write after another, until it goes at none. */
async function atEveryWrite(run: (lossAt: number, keptCommits: number) => Promise<boolean>): Promise<number> {
  for (let write = 1; ; write++) {
    const isDone = [await run(write, 0), await run(write, 1)];
    if (isDone.every(Boolean)) return write;
  }
}

describe('when the power goes', () => {
  it('while an asset is shared and told, all of it is told, and once', async () => {
    const counts = new Set<number>();
    const writes = await atEveryWrite(async (lossAt, keptCommits) => {
      const { store, disk, ada, bob } = await openWorld();
      await ada.commit('sales', [1, 2], { source: 'sales.csv', create: { description: 'All.' } });
      store.failAt(store.writeCount + lossAt);
      const isDone = await unlessPowerGoes(() => share(ada));
      store.restart(keptCommits);
      const again = await openNode(disk);
      // A person who was given no answer asks once more.
      if (!isDone) await share(again);
      await agree(again, bob);
      expect(await bob.rows('sales')).toEqual([1, 2]);
      expect(await bob.catalog.getAsset('sales')).toMatchObject({ description: 'All.', version: 1 });
      const { operationCount, assets } = await bob.spaces.describeSpace('team');
      expect(assets).toMatchObject([{ versionCount: 1, headCount: 1, subscription: 'data' }]);
      expect(await projectionHash(again, 'team')).toBe(await projectionHash(bob, 'team'));
      counts.add(operationCount);
      return isDone;
    });
    expect(writes).toBeGreaterThan(5);
    expect(counts.size).toBe(1);
  });

  it('while changes are told, they are told, and once', async () => {
    const counts = new Set<number>();
    const writes = await atEveryWrite(async (lossAt, keptCommits) => {
      const { store, disk, ada, bob } = await openWorld();
      await ada.commit('sales', [1]);
      await share(ada);
      await agree(ada, bob);
      await ada.update('sales', { tags: ['a'] });
      await ada.commit('sales', [2], { source: 'two.csv' });
      await ada.commit('sales', [3]);
      await bob.update('sales', { description: 'Bob.' });
      await bob.spaces.settle();
      await meet(ada, bob);
      store.failAt(store.writeCount + lossAt);
      const isDone = await unlessPowerGoes(() => ada.spaces.settle());
      store.restart(keptCommits);
      const again = await openNode(disk);
      await agree(again, bob);
      for (const node of [again, bob]) {
        expect(await node.rows('sales')).toEqual([1, 2, 3]);
        expect(await node.catalog.getAsset('sales')).toMatchObject({ description: 'Bob.', tags: ['a'], version: 3 });
      }
      expect(await projectionHash(again, 'team')).toBe(await projectionHash(bob, 'team'));
      counts.add((await bob.spaces.describeSpace('team')).operationCount);
      return isDone;
    });
    expect(writes).toBeGreaterThan(5);
    expect(counts.size).toBe(1);
  });

  it('while what others told is applied, it is applied, and nothing is told back', async () => {
    await atEveryWrite(async (lossAt, keptCommits) => {
      const host = await newNode('host');
      const store = openFailingStore();
      const disk = createDisk('guest', store);
      const guest = await openNode(disk);
      await host.spaces.createSpace('team');
      await invite(host, guest, 'team', 'write');
      await host.commit('sales', [1, 2], { source: 'sales.csv', create: { tags: ['a'] } });
      await share(host);
      await meet(host, guest);
      store.failAt(store.writeCount + lossAt);
      const isDone = await unlessPowerGoes(() => guest.spaces.settle());
      store.restart(keptCommits);
      const again = { ...(await openNode(disk)), agreements: createMemoryAgreements() };
      await agree(host, again);
      expect(await again.rows('sales')).toEqual([1, 2]);
      const { members } = await again.spaces.listMembers('team').then((all) => ({ members: all }));
      expect(members).toHaveLength(2);
      expect(await projectionHash(host, 'team')).toBe(await projectionHash(again, 'team'));
      const { operationCount } = await host.spaces.describeSpace('team');
      await again.update('sales', { tags: ['a', 'b'] });
      await agree(host, again);
      // The beginnings of two logs, what the guest had seen of the members, and its one change.
      expect((await host.spaces.describeSpace('team')).operationCount - operationCount).toBe(4);
      expect(await host.catalog.getAsset('sales')).toMatchObject({ tags: ['a', 'b'] });
      return isDone;
    });
  });
});
