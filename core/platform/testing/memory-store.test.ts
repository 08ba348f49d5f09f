import { expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { Commit } from '../ports.ts';
import { describeKeyValueStore } from './key-value-store-contract.ts';
import { openMemoryStore } from './memory-store.ts';

describeKeyValueStore('a key-value store in memory', async () => {
  const store = openMemoryStore();
  return {
    store,
    async reopen() {
      await store.close();
      store.reopen();
      return store;
    },
    close: () => store.close(),
  };
});

const commit = (key: string) => new Commit().put(`${key}1`, toUtf8(key)).put(`${key}2`, toUtf8(key));

test('a power loss takes what was not synced, and a sync saves what came before it', async () => {
  const store = openMemoryStore();
  await store.write(commit('a'), { sync: false });
  await store.write(commit('b'), { sync: true });
  await store.write(commit('c'), { sync: false });
  await store.write(commit('d'), { sync: false });
  store.crash({ keptCommits: 1 });
  expect(await store.getMany(['a1', 'a2', 'b1', 'b2', 'c1', 'c2', 'd1', 'd2'])).toEqual(
    ['a', 'a', 'b', 'b', 'c', 'c', undefined, undefined].map((text) => text && toUtf8(text)),
  );
});

test('a write that was told to fail leaves nothing', async () => {
  const store = openMemoryStore();
  store.failNextWrite('DISK_FULL');
  await expect(store.write(commit('a'), { sync: true })).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await store.get('a1')).toBeUndefined();
  await store.write(commit('a'), { sync: true });
  expect(await store.get('a2')).toEqual(toUtf8('a'));
});
