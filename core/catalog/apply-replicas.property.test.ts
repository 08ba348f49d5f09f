import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import type { AssetReplicaState } from './asset-replica.ts';
import { ASSETS, JOURNAL } from './keys.ts';
import { nameWithSpace } from './settle-names.ts';
import { assertConsistent } from './testing/assert-consistent.ts';
import { ACTOR, createCatalogWorld, TEST_SCHEMA, testSegment } from './testing/catalog-world.ts';
import { replicaId, TEST_SPACE, testEdge, testReplica, testVersion } from './testing/replica-states.ts';

const by = { actor: ACTOR };
const ASSET_COUNT = 4;
const NAMES = ['mill', 'oak', 'rye'] as const;

const index = fc.nat(ASSET_COUNT - 1);
const segments = fc.array(fc.nat(4), { maxLength: 4 });

/** A state of one asset; its versions are whole ones, or follow each other by what they add. */
const state = fc
  .record({
    index,
    name: fc.constantFrom(...NAMES),
    tags: fc.subarray(['x', 'y']),
    description: fc.constantFrom(null, 'd'),
    lists: fc.array(fc.record({ list: segments, whole: fc.boolean() }), { maxLength: 4 }),
    /** Where in the history of the space the versions stand: the same numbers are the same operations. */
    from: fc.nat(2),
    removed: fc.constantFrom(false, false, false, true),
  })
  .map(({ index: number, name, tags, description, lists, from, removed }) => {
    const versions: AssetReplicaState['versions'][number][] = [];
    let present: number[] = [];
    for (const [i, { list, whole }] of lists.entries()) {
      // The operation says what its version holds, as an operation does.
      const operation = Number(`${number}${from}${i}${[...present, ...list].join('')}${whole || i === 0 ? 1 : 2}`);
      const base = versions.at(-1)?.operationId;
      if (whole || base === undefined) {
        present = list;
        versions.push(testVersion(operation, list));
      } else {
        const removedFirst = present.slice(0, 1);
        present = [...present.slice(1), ...list];
        const change = testVersion(operation, present, { base: 0, added: list, removed: removedFirst });
        versions.push({ ...change, base });
      }
    }
    return testReplica(number, { fields: { name, tags, description }, versions, removed });
  });

const batch = fc.uniqueArray(state, { selector: ({ assetId }) => assetId, maxLength: ASSET_COUNT });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('apply' as const), states: batch, edges: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('commit' as const), index, added: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rename' as const), index, name: fc.constantFrom(...NAMES) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('create' as const), name: fc.constantFrom(...NAMES) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), states: batch }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const withEdges = (each: AssetReplicaState, count: number): AssetReplicaState => ({
  ...each,
  edges: Array.from({ length: count }, (_, i) => testEdge(each.assetId, i)),
});

async function dump(store: KeyValueStore, prefix: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const [key, value] of store.entries(prefixRange(prefix))) lines.push(key + Buffer.from(value).toString());
  return lines;
}

function createWorld() {
  const world = createCatalogWorld(openMemoryStore());
  let { catalog } = world;
  const apply = (states: readonly AssetReplicaState[]) => catalog.applyReplicas(states, { storeEdge: () => undefined });

  /** What is said of the assets of the space, without what depends on the way there. */
  const content = async () => {
    const seen: unknown[] = [];
    for (let i = 0; i < ASSET_COUNT; i++) {
      const asset = await catalog.getAsset(replicaId(i)).catch(() => undefined);
      if (!asset) continue;
      const { description, tags, assetType, rowCount, byteCount, segmentCount, lineage, origin } = asset;
      const manifest = (await catalog.getManifest(asset.id, asset.version)).map(({ id }) => id);
      const facts = { description, tags, assetType, rowCount, byteCount, segmentCount, edges: lineage.edgeCount };
      const { head: _, ...place } = origin!;
      seen.push({ id: asset.id, ...facts, manifest, place, columns: manifest.length && asset.schema.fields.length });
    }
    return seen;
  };

  const run = async (next: Step): Promise<unknown> => {
    const { store } = world;
    switch (next.kind) {
      case 'apply':
        return apply(next.states.map((each) => withEdges(each, next.edges)));
      case 'create':
        return catalog.createAsset({ name: next.name, assetType: 'GRAPH', storageFormat: 'EDGE' }, by);
      case 'crash':
        store.crash();
        catalog = world.reopen().catalog;
        return undefined;
      case 'fail': {
        const before = [...(await dump(store, ASSETS)), ...(await dump(store, JOURNAL))];
        store.failNextWrite('DISK_FULL');
        const outcome = await apply(next.states).then(
          (outcomes) => outcomes.every(({ kind }) => kind === 'unchanged' || kind === 'refused'),
          ({ code }) => code === 'DISK_FULL',
        );
        expect(outcome).toBe(true);
        expect([...(await dump(store, ASSETS)), ...(await dump(store, JOURNAL))]).toEqual(before);
        store.crash();
        catalog = world.reopen().catalog;
        return undefined;
      }
      default: {
        const { id, version } = await catalog.getAsset(replicaId(next.index));
        if (next.kind === 'rename') return catalog.updateAsset(id, { name: next.name }, by);
        if (next.kind === 'remove') return catalog.removeAsset(id, by);
        return catalog.commitSegments(
          { assetId: id, parentVersion: version, schema: TEST_SCHEMA, added: [testSegment(next.added)], sources: [] },
          by,
        );
      }
    }
  };
  return {
    ...world,
    apply,
    content,
    run,
    names: () => catalog.assetNames(),
    asset: (id: string) => catalog.getAsset(id),
  };
}

test('from whatever is there, assets become what their space says, as they do on a fresh node', async () => {
  let [changed, grown] = [0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), batch, async (steps, target) => {
      const world = createWorld();
      for (const next of steps) {
        await world.run(next).catch((error: { code: string }) => {
          expect(['ASSET_NOT_FOUND', 'ASSET_EXISTS', 'DISK_FULL']).toContain(error.code);
        });
        changed += 1;
      }
      // Edges are never taken back: the last state has them all.
      const last = target.map((each) => withEdges(each, 2));
      const rest = Array.from({ length: ASSET_COUNT }, (_, i) => testReplica(i, { removed: true }));
      const all = [...last, ...rest.filter(({ assetId }) => !last.some((each) => each.assetId === assetId))];
      const outcomes = await world.apply(all);
      expect(outcomes.filter(({ kind }) => kind === 'refused')).toEqual([]);

      const fresh = createWorld();
      await fresh.apply(last);
      const withVersions = (seen: unknown[]) =>
        seen.filter((each) =>
          last.some(({ assetId, versions }) => assetId === (each as { id: string }).id && versions.length),
        );
      expect(withVersions(await world.content())).toEqual(withVersions(await fresh.content()));
      grown += withVersions(await fresh.content()).length;

      const names = await world.names();
      for (const { assetId, fields, removed } of last) {
        if (removed) continue;
        const { name, origin } = await world.asset(assetId);
        expect(origin?.name).toBe(fields.name);
        const standIns = Array.from({ length: 9 }, (_, i) => nameWithSpace(fields.name, TEST_SPACE.spaceName, i + 1));
        if (name !== fields.name) expect([names.includes(fields.name), standIns.includes(name)]).toEqual([true, true]);
      }
      const sequence = (await dump(world.store, JOURNAL)).length;
      expect((await world.apply(all.toReversed())).every(({ kind }) => kind === 'unchanged')).toBe(true);
      expect((await dump(world.store, JOURNAL)).length).toBe(sequence);
      world.store.crash();
      await assertConsistent(world);
    }),
    { seed: 20_261_126, numRuns: 200 },
  );
  expect(Math.min(changed, grown)).toBeGreaterThan(200);
});
