import { expect, test } from 'vitest';
import { prefixRange, type KeyRange, type KeyValueStore } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import type { AssetReplicaState } from './asset-replica.ts';
import { ACTOR, createCatalogWorld } from './testing/catalog-world.ts';
import { testReplica, testVersion } from './testing/replica-states.ts';

const ASSETS = 10_000;

test('10,000 assets are listed by one scan of the assets', async () => {
  const memory = openMemoryStore();
  const scans: KeyRange[] = [];
  let reads = 0;
  const store: KeyValueStore = {
    ...memory,
    get: (key) => {
      reads += 1;
      return memory.get(key);
    },
    entries: (range, options) => {
      scans.push(range);
      return memory.entries(range, options);
    },
  };
  const world = createCatalogWorld(store);
  for (let i = 0; i < ASSETS; i++) {
    const asset = { name: `asset ${i}`, assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' } as const;
    await world.catalog.createAsset({ ...asset, tags: i % 100 === 0 ? ['rare'] : [] }, { actor: ACTOR });
  }
  expect(scans).toEqual([]);
  reads = 0;
  const { catalog } = world.reopen();
  const { assets, totalCount } = await catalog.listAssets({ tags: ['rare'], limit: 10 });
  expect([assets.length, totalCount, assets[1]!.name]).toEqual([10, 100, 'asset 100']);
  expect(scans).toEqual([prefixRange('asset/')]);
  expect(reads).toBe(0);
});

test('10,000 assets of a space are taken in with one write and a few reads', async () => {
  const memory = openMemoryStore();
  const calls: string[] = [];
  const store: KeyValueStore = {
    ...memory,
    get: (key) => (calls.push('get'), memory.get(key)),
    getMany: (keys) => (calls.push('getMany'), memory.getMany(keys)),
    entries: (range, options) => (calls.push('entries'), memory.entries(range, options)),
    write: (commit, options) => (calls.push('write'), memory.write(commit, options)),
  };
  const { catalog } = createCatalogWorld(store);
  const apply = async (states: readonly AssetReplicaState[]) => {
    calls.length = 0;
    const outcomes = await catalog.applyReplicas(states, { storeEdge: () => undefined });
    expect(calls.length).toBeLessThan(12);
    return {
      kinds: new Set(outcomes.map(({ kind }) => kind)),
      writes: calls.filter((call) => call === 'write').length,
    };
  };
  const states = Array.from({ length: ASSETS }, (_, i) => testReplica(i, { versions: [testVersion(1, [i])] }));
  expect(await apply(states)).toEqual({ kinds: new Set(['applied']), writes: 1 });
  expect(await apply(states)).toEqual({ kinds: new Set(['unchanged']), writes: 0 });
  const grown = states.map((each) => ({ ...each, versions: [testVersion(2, [1, 2], { base: 1, added: [2] })] }));
  expect(await apply(grown)).toEqual({ kinds: new Set(['applied']), writes: 1 });
});
