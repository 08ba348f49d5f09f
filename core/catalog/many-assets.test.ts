import { expect, test } from 'vitest';
import { prefixRange, type KeyRange, type KeyValueStore } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { ACTOR, createCatalogWorld } from './testing/catalog-world.ts';

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
