import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLevelStore } from '#core/platform/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { describeLogStore } from './testing/log-store-contract.ts';

describeLogStore('logs in memory', async () => {
  const store = openMemoryStore();
  return {
    store,
    reopen: async () => {
      await store.close();
      store.reopen();
      return store;
    },
    close: () => store.close(),
  };
});

describeLogStore('logs on LevelDB', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'granary-logs-'));
  let store = await openLevelStore(directory);
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openLevelStore(directory, { mustExist: true });
      return store;
    },
    close: async () => {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
