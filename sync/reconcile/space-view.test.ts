import { expect, test } from 'vitest';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { openSpaceView } from './space-view.ts';
import { openMemoryOperationStore } from './testing/memory-stores.ts';
import { makeOperation, named, SPACE } from './testing/sync-world.ts';
import { TipTree } from './tip-tree.ts';

test('keeps to the order of the store when several sessions append at once', async () => {
  const store = openMemoryOperationStore(blake3, named('store'));
  let slowness = 3;
  const slow = {
    ...store,
    async append(operations: readonly Uint8Array[]) {
      const outcome = await store.append(operations);
      // The first answer comes last.
      for (let i = 10 * slowness--; i > 0; i--) await Promise.resolve();
      return outcome;
    },
  };
  const view = await openSpaceView({ blake3 }, SPACE, slow);
  const first = makeOperation({ author: 'a', log: 'l', seq: 0, backlink: undefined }, 'one');
  await view.append([first]);
  const backlink = (await store.tip(named('a'), named('l')))!.operationId;
  const second = makeOperation({ author: 'a', log: 'l', seq: 1, backlink }, 'two');
  const others = ['b', 'c'].map((author) => makeOperation({ author, log: 'l', seq: 0, backlink: undefined }, 'one'));
  await Promise.all([second, ...others].map((bytes) => view.append([bytes])));
  expect(view.snapshot().arrival).toBe(4);
  expect(view.root).toEqual(TipTree.of(blake3, await Array.fromAsync(store.tips())).root);
});

test('takes notice of what changed in the store without it', async () => {
  const store = openMemoryOperationStore(blake3, named('store'));
  const view = await openSpaceView({ blake3 }, SPACE, store);
  const sign = (body: string) => makeOperation({ author: 'a', log: 'l', seq: 0, backlink: undefined }, body);
  await view.append([sign('one')]);
  const { root } = view;
  await store.append([makeOperation({ author: 'b', log: 'l', seq: 0, backlink: undefined }, 'one'), sign('two')]);
  expect(view.root).toEqual(root);
  await view.refresh();
  expect(view.root).toEqual(TipTree.of(blake3, await Array.fromAsync(store.tips())).root);
  expect(view.snapshot()).toMatchObject({ arrival: 3 });
  expect(view.snapshot().tree.get(named('a'), named('l'))?.tip).toMatchObject({ seq: -1, forkSeq: 0 });
});
