import { expect, test } from 'vitest';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { Commit } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { DEVICE_INCARNATIONS_MAX, openIncarnation, renewIncarnation } from './incarnation.ts';
import { INCARNATION_KEY } from './log-keys.ts';
import { countingRandom } from './testing/fixtures.ts';
import { createMemoryMarker } from './testing/memory-marker.ts';

async function copyOf(store: KeyValueStore): Promise<KeyValueStore> {
  const copy = openMemoryStore();
  const commit = new Commit();
  for await (const [key, value] of store.entries({ gte: '', lt: '~' })) commit.put(key, value);
  await copy.write(commit, { sync: true });
  return copy;
}

const setUp = () => ({
  store: openMemoryStore() as KeyValueStore,
  marker: createMemoryMarker(),
  random: countingRandom(),
});

test('goes on from start to start', async () => {
  const deps = setUp();
  const first = await openIncarnation(deps);
  expect(first.number).toBe(0);
  for (let start = 0; start < 3; start++) expect(await openIncarnation(deps)).toEqual(first);
});

test('a restored folder is a new incarnation, and so is the one after it', async () => {
  const deps = setUp();
  const first = await openIncarnation(deps);
  const backup = await copyOf(deps.store);
  await openIncarnation(deps);
  await openIncarnation(deps);
  const restored = { ...deps, store: await copyOf(backup) };
  const second = await openIncarnation(restored);
  expect(second.number).toBe(1);
  expect(second.id).not.toEqual(first.id);
  expect(await openIncarnation(restored)).toEqual(second);
  const again = await openIncarnation({ ...deps, store: await copyOf(backup) });
  expect(again.number).toBe(2);
});

test('a folder that was moved, emptied or whose marker was damaged is a new incarnation', async () => {
  const moved = setUp();
  await openIncarnation(moved);
  expect((await openIncarnation({ ...moved, marker: createMemoryMarker() })).number).toBe(1);
  const emptied = setUp();
  await openIncarnation(emptied);
  expect((await openIncarnation({ ...emptied, store: openMemoryStore() })).number).toBe(1);
  const damaged = setUp();
  await openIncarnation(damaged);
  damaged.marker.bytes = damaged.marker.bytes!.slice(1);
  expect((await openIncarnation(damaged)).number).toBe(1);
});

test('a loss of power between store and marker changes nothing, at first, later and when it begins anew', async () => {
  const deps = setUp();
  deps.marker.failNextWrite = true;
  await expect(openIncarnation(deps)).rejects.toThrow();
  const first = await openIncarnation(deps);
  deps.marker.failNextWrite = true;
  await expect(openIncarnation(deps)).rejects.toThrow();
  expect(await openIncarnation(deps)).toEqual(first);
  deps.marker.failNextWrite = true;
  await expect(renewIncarnation(deps)).rejects.toThrow();
  const renewed = await openIncarnation(deps);
  expect(renewed.number).toBe(first.number + 1);
  expect(await openIncarnation(deps)).toEqual(renewed);
});

test('a damaged record is told, and a device does not begin anew for ever', async () => {
  const deps = setUp();
  await openIncarnation(deps);
  for (let number = 1; number < DEVICE_INCARNATIONS_MAX; number++) {
    expect((await renewIncarnation(deps)).number).toBe(number);
  }
  await expect(renewIncarnation(deps)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await deps.store.write(new Commit().put(INCARNATION_KEY, Uint8Array.of(0x85)), { sync: true });
  await expect(openIncarnation(deps)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
});
