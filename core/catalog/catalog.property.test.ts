import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GranaryError } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import type { CatalogAsset } from './catalog-asset.ts';
import { assertConsistent } from './testing/assert-consistent.ts';
import { ACTOR, createCatalogWorld, TEST_SCHEMA, testSegment } from './testing/catalog-world.ts';

const NAMES = ['a', "b'", 'c/d', '表'] as const;
const by = { actor: ACTOR };

/** What the catalog should hold: by name, the segments of each version. */
type Model = Map<string, { versions: number[][]; tags: string[] }>;

const name = fc.constantFrom(...NAMES);
const action = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('create' as const), name }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      name,
      added: fc.array(fc.nat(5), { maxLength: 3 }),
      removeFirst: fc.boolean(),
      staleBy: fc.constantFrom(0, 0, 0, 1),
      rows: fc.nat(30),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('update' as const), name, to: name, tag: fc.constantFrom('x', 'y') }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), crash: fc.boolean() }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

/** How the next write goes: well, not at all, or to the disk but without an answer. */
type Fault = 'none' | 'lost' | 'unanswered';
const fault = fc.constantFrom<Fault>('none', 'none', 'none', 'none', 'lost', 'unanswered');

function faultyStore() {
  const memory = openMemoryStore();
  let next: Fault = 'none';
  const store: KeyValueStore & { crash(): void; fail(fault: Fault): void } = {
    ...memory,
    crash: () => memory.crash(),
    fail(wanted) {
      next = wanted;
    },
    async write(commit, options) {
      const now = next;
      next = 'none';
      if (now !== 'lost') await memory.write(commit, options);
      if (now !== 'none') throw new GranaryError('IO_FAILED', 'The disk went away.');
    },
  };
  return store;
}

/** The model after an action that succeeded, or the code of the error that it must fail with. */
function expected(model: Model, step: Action): Model | string {
  const next: Model = new Map([...model].map(([key, { versions, tags }]) => [key, { versions: [...versions], tags }]));
  if (step.kind === 'reopen') return next;
  const entry = next.get(step.name);
  if (step.kind === 'create') {
    if (entry) return 'ASSET_EXISTS';
    return next.set(step.name, { versions: [], tags: [] });
  }
  if (!entry) return 'ASSET_NOT_FOUND';
  if (step.kind === 'remove') next.delete(step.name);
  if (step.kind === 'update') {
    if (step.to !== step.name && next.has(step.to)) return 'ASSET_EXISTS';
    next.delete(step.name);
    next.set(step.to, { versions: entry.versions, tags: [step.tag] });
  }
  if (step.kind === 'commit') {
    if (step.staleBy > 0) return 'VERSION_CONFLICT';
    const last = entry.versions.at(-1) ?? [];
    entry.versions.push([...(step.removeFirst ? last.slice(1) : last), ...step.added]);
  }
  return next;
}

test('whatever happens, what was acknowledged is there and nothing is there by half', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(action, fault), { maxLength: 40 }), async (steps) => {
      const store = faultyStore();
      const world = createCatalogWorld(store);
      let { catalog } = world;
      let model: Model = new Map();

      const observe = async (): Promise<Model> => {
        const seen: Model = new Map();
        for (const asset of (await catalog.listAssets()).assets) {
          const versions: number[][] = [];
          for (let version = 1; version <= asset.version; version++) {
            const segments = await catalog.getManifest(asset.id, version);
            versions.push(segments.map(({ id }) => Number.parseInt(id, 16)));
          }
          seen.set(asset.name, { versions, tags: [...asset.tags] });
        }
        return seen;
      };
      const sorted = (each: Model) => [...each].sort(([left], [right]) => (left < right ? -1 : 1));

      const run = async (step: Action): Promise<unknown> => {
        if (step.kind === 'reopen') {
          if (step.crash) store.crash();
          catalog = world.reopen().catalog;
          return;
        }
        if (step.kind === 'create') {
          return catalog.createAsset({ name: step.name, assetType: 'GRAPH', storageFormat: 'EDGE' }, by);
        }
        const asset: CatalogAsset = await catalog.getAsset(step.name);
        if (step.kind === 'remove') return catalog.removeAsset(asset.id, by);
        if (step.kind === 'update') {
          return catalog.updateAsset(asset.id, { name: step.to, tags: [step.tag] }, by);
        }
        const first = (await catalog.getManifest(asset.id, asset.version))[0]?.id;
        const quarantine = catalog.openQuarantine();
        for (let record = 0; record < step.rows; record++) {
          await quarantine.add({ source: 's', record, reason: 'r', raw: '' });
        }
        return catalog.commitSegments(
          {
            assetId: asset.id,
            parentVersion: asset.version - step.staleBy,
            schema: TEST_SCHEMA,
            added: step.added.map((number) => testSegment(number, number)),
            removed: step.removeFirst && first ? [first] : [],
            sources: [{ name: 's', kind: 'file', contentHash: `${step.rows}`, rowCount: 1 }],
            repeatContent: true,
            quarantine: step.rows % 2 ? quarantine : undefined,
          },
          by,
        );
      };

      for (const [step, wanted] of steps) {
        // An update that changes nothing writes nothing, and would leave the fault to the next step.
        store.fail(step.kind === 'reopen' ? 'none' : wanted);
        const next = expected(model, step);
        const outcome = await run(step).then(
          () => 'done',
          (error: unknown) => (error instanceof GranaryError ? error.code : String(error)),
        );
        store.fail('none');
        const seen = sorted(await observe());
        if (typeof next === 'string') {
          if (outcome !== 'IO_FAILED') expect(outcome).toBe(next);
          expect(seen).toEqual(sorted(model));
        } else if (outcome === 'done') {
          expect(seen).toEqual(sorted(next));
          model = next;
        } else {
          expect(outcome).toBe('IO_FAILED');
          // Nobody was told: it may be there, but then all of it.
          const wholly = [sorted(model), sorted(next)].find((each) => JSON.stringify(each) === JSON.stringify(seen));
          expect(wholly).toBeDefined();
          model = new Map(wholly);
        }
      }
      await assertConsistent({ ...world, store });
      store.crash();
      await assertConsistent({ ...world, store });
      expect(sorted(await observe())).toEqual(sorted(model));
    }),
    { seed: 20_261_123, numRuns: 150 },
  );
});
