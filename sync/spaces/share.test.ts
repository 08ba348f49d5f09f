import { beforeEach, describe, expect, it } from 'vitest';
import { edgesTo } from '#core/lineage/index.ts';
import { agree, CONTEXT, type FederationNode, invite, meet, newNode, projectionHash } from './testing/federation.ts';

let ada: FederationNode;
let bob: FederationNode;
let cleo: FederationNode;

beforeEach(async () => {
  [ada, bob, cleo] = [await newNode('ada'), await newNode('bob'), await newNode('cleo')];
  await ada.spaces.createSpace('team');
  await invite(ada, bob, 'team', 'write');
  await invite(ada, cleo, 'team', 'write');
});

const share = (node: FederationNode, ...assets: string[]) =>
  node.spaces.shareAssets('team', assets, 'metadata', CONTEXT);

async function expectEqual(...nodes: readonly FederationNode[]): Promise<void> {
  const hashes = await Promise.all(nodes.map((node) => projectionHash(node, 'team')));
  expect(new Set(hashes).size).toBe(1);
}

describe('a shared asset', () => {
  it('reaches the others with all that is known of it', async () => {
    await ada.commit('sales', [1, 2], {
      create: { description: 'All sales.', tags: ['q1', 'eu'] },
      source: 'sales.csv',
    });
    await ada.update('sales', { maxErrors: { id: '0.5' } });
    await share(ada, 'sales');
    await agree(ada, bob, cleo);
    for (const node of [bob, cleo]) {
      const asset = await node.catalog.getAsset('sales');
      expect(asset).toMatchObject({
        description: 'All sales.',
        tags: ['eu', 'q1'],
        maxErrors: { id: '0.5' },
        version: 1,
        rowCount: 20,
      });
      expect(await node.rows('sales')).toEqual([1, 2]);
      expect(await edgesTo(node.disk.store, asset.id)).toMatchObject([
        { from: { name: 'sales.csv' }, to: { version: 1 } },
      ]);
    }
    await expectEqual(ada, bob, cleo);
  });

  it('follows changes of every kind, whoever makes them', async () => {
    await ada.commit('sales', [1]);
    await share(ada, 'sales');
    await agree(ada, bob, cleo);
    await bob.update('sales', { name: 'revenue', description: 'Told by Bob.', tags: ['b'], assetType: 'UNSTRUCTURED' });
    await agree(ada, bob, cleo);
    await cleo.commit('revenue', [2, 3], { source: 'more.csv' });
    await agree(ada, bob, cleo);
    await ada.commit('revenue', [4], { removed: [1, 2] });
    await bob.update('revenue', { maxErrors: { id: '0.1' } });
    await agree(ada, bob, cleo);
    for (const node of [ada, bob, cleo]) {
      const asset = await node.catalog.getAsset('revenue');
      expect(asset).toMatchObject({ description: 'Told by Bob.', tags: ['b'], assetType: 'UNSTRUCTURED', version: 3 });
      expect(asset.maxErrors).toEqual({ id: '0.1' });
      expect(await node.rows('revenue')).toEqual([3, 4]);
      expect(await edgesTo(node.disk.store, asset.id)).toMatchObject([
        { from: { name: 'more.csv' }, to: { version: 2 } },
      ]);
    }
    await expectEqual(ada, bob, cleo);
    await cleo.remove('revenue');
    await agree(ada, bob, cleo);
    for (const node of [ada, bob, cleo])
      await expect(node.catalog.getAsset('revenue')).rejects.toMatchObject({ code: 'ASSET_NOT_FOUND' });
    await expectEqual(ada, bob, cleo);
  });

  it('stands in the audit trail as replicated where it came to, and not where it was changed', async () => {
    await ada.commit('sales', [1], { source: 'sales.csv', create: { tags: ['q1', 'eu'] } });
    await share(ada, 'sales');
    const changes = [
      { maxErrors: { id: '0.5' } },
      { maxErrors: { id: null } },
      { description: 'x' },
      { description: '' },
      { name: 'revenue', tags: ['z', 'a', 'z '] },
    ];
    for (const change of changes) {
      await agree(ada, bob);
      await ada.update('sales', change);
    }
    await Promise.all([ada.commit('revenue', [2], { source: 'more.csv' }), ada.spaces.settle()]);
    await agree(ada, bob);
    await ada.commit('revenue', [3], { removed: [1, 2] });
    await agree(ada, bob);
    expect(await ada.replicated()).toEqual([]);
    expect(await bob.replicated()).toHaveLength(changes.length + 2);
    const asset = await bob.catalog.getAsset('revenue');
    expect([asset.description, asset.maxErrors]).toEqual([null, undefined]);
  });

  it('keeps what was changed at the same time in different places', async () => {
    await ada.commit('sales', [1], { create: { description: 'one two three', tags: ['a', 'b'] } });
    await share(ada, 'sales');
    await agree(ada, bob, cleo);
    await ada.update('sales', { description: 'ONE two three', tags: ['b', 'x'] });
    await bob.update('sales', { description: 'one two THREE', tags: ['a', 'b', 'y'] });
    await cleo.update('sales', { name: 'sales of 2026' });
    await agree(ada, bob, cleo);
    for (const node of [ada, bob, cleo]) {
      const { description, tags } = await node.catalog.getAsset('sales of 2026');
      expect({ description, tags }).toEqual({ description: 'ONE two THREE', tags: ['b', 'x', 'y'] });
    }
    await expectEqual(ada, bob, cleo);
  });

  it('keeps what others changed when a change of this node is told after theirs has come', async () => {
    await ada.commit('sales', [1], { create: { description: 'one two three', tags: ['a'] } });
    await share(ada, 'sales');
    await agree(ada, bob);
    await bob.update('sales', { description: 'one two THREE', tags: ['a', 'y'] });
    await bob.spaces.settle();
    await meet(ada, bob);
    await ada.update('sales', { description: 'ONE two three', tags: ['x'] });
    await agree(ada, bob);
    for (const node of [ada, bob]) {
      const { description, tags } = await node.catalog.getAsset('sales');
      expect({ description, tags }).toEqual({ description: 'ONE two THREE', tags: ['x', 'y'] });
    }
  });

  it('is the same everywhere when two versions were made at the same time', async () => {
    await ada.commit('sales', [1]);
    await share(ada, 'sales');
    await agree(ada, bob, cleo);
    await ada.commit('sales', [2]);
    await bob.commit('sales', [3]);
    await agree(ada, bob, cleo);
    const shown = await cleo.rows('sales');
    expect([
      [1, 2],
      [1, 3],
    ]).toContainEqual(shown);
    for (const node of [ada, bob, cleo]) {
      expect(await node.rows('sales')).toEqual(shown);
      const { assets } = await node.spaces.describeSpace('team');
      expect(assets).toMatchObject([{ headCount: 2, versionCount: 3 }]);
    }
    await expectEqual(ada, bob, cleo);
  });

  it('is told once, and not told back', async () => {
    await ada.commit('sales', [1]);
    await share(ada, 'sales');
    await agree(ada, bob, cleo);
    const before = await ada.spaces.describeSpace('team');
    await bob.update('sales', { description: 'Once.' });
    await agree(ada, bob, cleo);
    const after = await ada.spaces.describeSpace('team');
    // The beginnings of his two logs, what he had seen of the members, and the change.
    expect(after.operationCount - before.operationCount).toBe(4);
    await agree(ada, bob, cleo);
    expect((await cleo.spaces.describeSpace('team')).operationCount).toBe(after.operationCount);
  });

  it('has its rows on its own node alone when they lie in the node store, and of a table in PostgreSQL everywhere', async () => {
    await ada.commit('readings', [1], { create: { storageFormat: 'EDGE' } });
    await ada.commit('orders', [2], { create: { storageFormat: 'POSTGRESQL' } });
    await share(ada, 'readings', 'orders');
    await agree(ada, bob);
    expect(await bob.catalog.getAsset('readings')).toMatchObject({ storageFormat: 'EDGE', version: 0 });
    expect(await bob.catalog.getAsset('orders')).toMatchObject({ storageFormat: 'POSTGRESQL', version: 1 });
    expect(await bob.rows('orders')).toEqual([2]);
    await expectEqual(ada, bob);
  });

  it('does not go into the space before it is shared, nor when it was removed before anybody heard of it', async () => {
    await ada.commit('mine', [1]);
    await ada.commit('short', [2]);
    await agree(ada, bob);
    expect((await bob.catalog.listAssets()).totalCount).toBe(0);
    ada.disk.files.clear();
    await share(ada, 'short');
    await ada.remove('short');
    await agree(ada, bob);
    expect((await bob.catalog.listAssets()).totalCount).toBe(0);
    expect((await ada.spaces.describeSpace('team')).assets).toEqual([]);
  });

  it('that cannot be told does not keep others from being told, and is told later', async () => {
    await ada.commit('lost', [1]);
    await ada.commit('sales', [2]);
    const files = new Map(ada.disk.files);
    ada.disk.files.delete('1'.padStart(64, '0'));
    await share(ada, 'lost', 'sales');
    await agree(ada, bob);
    expect(await bob.rows('sales')).toEqual([2]);
    expect((await ada.spaces.explainSync('lost')).lines.join('\n')).toContain('not told');
    for (const [hash, size] of files) ada.disk.files.set(hash, size);
    await agree(ada, bob);
    expect(await bob.rows('lost')).toEqual([1]);
  });

  it.each(['before', 'after'] as const)(
    'keeps a change that is made just %s what others said is applied',
    async (when) => {
      await ada.commit('sales', [1]);
      await share(ada, 'sales');
      await agree(ada, bob);
      await bob.update('sales', { description: 'Bob', tags: ['bob'] });
      await bob.spaces.settle();
      await meet(ada, bob);
      const { applyReplicas } = ada.catalog;
      let isChanged = false;
      const change = async (moment: typeof when) => {
        if (isChanged || moment !== when) return;
        isChanged = true;
        await ada.update('sales', { description: 'Ada' });
      };
      Object.assign(ada.catalog, {
        applyReplicas: async (...given: Parameters<typeof applyReplicas>) => {
          await change('before');
          const outcomes = await applyReplicas(...given);
          await change('after');
          return outcomes;
        },
      });
      await ada.spaces.settle();
      expect(await ada.catalog.getAsset('sales')).toMatchObject({ description: 'Ada' });
      await agree(ada, bob);
      for (const node of [ada, bob]) {
        const { description, tags } = await node.catalog.getAsset('sales');
        expect(description).toContain('Ada');
        expect(tags).toEqual(['bob']);
      }
      await expectEqual(ada, bob);
    },
  );

  it('of one space is not changed by another, and not shared twice', async () => {
    await ada.commit('sales', [1]);
    await share(ada, 'sales');
    await ada.spaces.createSpace('other');
    await expect(ada.spaces.shareAssets('other', ['sales'], 'metadata', CONTEXT)).rejects.toMatchObject({
      code: 'ASSET_EXISTS',
    });
  });

  it('offers its rows anew when it is shared once more', async () => {
    await ada.commit('sales', [1]);
    await share(ada, 'sales');
    await ada.spaces.shareAssets('team', ['sales'], 'data', CONTEXT);
    await agree(ada, bob);
    const { id } = await bob.catalog.getAsset('sales');
    expect(await bob.spaces.subscription(id)).toBe('data');
  });
});
