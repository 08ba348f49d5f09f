import { describe, expect, test } from 'vitest';
import type { AssetId, Uuid } from '#core/kernel/index.ts';
import { ACTOR, createCatalogWorld, TEST_SCHEMA, testSegment } from '#core/catalog/testing/catalog-world.ts';
import { LINEAGE_DEPTH_MAX, LINEAGE_EDGES_MAX, lineageOf } from './lineage-of.ts';
import { type LineageSource, recordLineage, SOURCE_NAME_LENGTH_MAX } from './record-lineage.ts';
import { renderLineage } from './render-lineage.ts';

const by = { actor: ACTOR };
const file = (name: string, rowCount = 10): LineageSource => ({
  from: { kind: 'file', name, contentHash: 'h' },
  rowCount,
});

function createWorld() {
  const world = createCatalogWorld();
  const { catalog } = world;
  const create = async (name: string) =>
    (await catalog.createAsset({ name, assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' }, by)).id;
  const commit = async (assetId: AssetId, sources: readonly LineageSource[]) => {
    const { version } = await catalog.getAsset(assetId);
    return catalog.commitSegments(
      {
        assetId,
        parentVersion: version,
        schema: TEST_SCHEMA,
        added: [testSegment(version + 1)],
        sources: [],
        contribute: (contribution) => recordLineage(world, contribution, sources),
      },
      by,
    );
  };
  const from = (assetId: AssetId, name: string, version = 1): LineageSource => ({
    from: { kind: 'asset', name, assetId, version },
    rowCount: 10,
  });
  const lineage = async (name: string) => lineageOf(world.store, await catalog.getAsset(name));
  return { ...world, create, commit, from, lineage };
}

describe('lineage', () => {
  test('each source of a version is an edge, in the journal, the signed log and the asset', async () => {
    const { catalog, create, commit, lineage, log } = createWorld();
    const a = await create('a');
    await commit(a, [file('x.csv'), { ...file('y.csv', 1), job: a as Uuid, detail: { format: 'csv' } }]);
    await commit(a, [file('z.csv')]);
    const { upstream, downstream, truncated } = await lineage('a');
    expect(upstream.map(({ edge }) => [edge.from.name, edge.to.version, edge.rowCount])).toEqual([
      ['x.csv', 1, 10],
      ['y.csv', 1, 1],
      ['z.csv', 2, 10],
    ]);
    expect(upstream[1]!.edge).toMatchObject({ job: a, detail: { format: 'csv' }, to: { assetId: a, name: 'a' } });
    expect([downstream, truncated]).toEqual([[], false]);
    expect((await catalog.getAsset('a')).lineage.edgeCount).toBe(3);
    const kinds = ((await log.bodies()) as { kind: string }[]).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'lineage-recorded')).toHaveLength(3);
  });

  test('a commit that fails leaves no edge', async () => {
    const { create, commit, lineage, store } = createWorld();
    const a = await create('a');
    store.failNextWrite('DISK_FULL');
    await expect(commit(a, [file('x.csv')])).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect((await lineage('a')).upstream).toEqual([]);
  });

  test('it is followed through assets, up and down, and circles end', async () => {
    const { create, commit, from, lineage } = createWorld();
    const [a, b, c] = [await create('a'), await create('b'), await create('c')];
    await commit(a, [file('x.csv')]);
    await commit(b, [from(a, 'a')]);
    await commit(c, [from(b, 'b'), from(a, 'a')]);
    await commit(a, [from(c, 'c')]);
    const { upstream, downstream } = await lineage('b');
    expect(upstream.map(({ edge, branches }) => [edge.from.name, branches.length])).toEqual([['a', 2]]);
    expect(upstream[0]!.branches[1]!.branches.map(({ edge, branches }) => [edge.from.name, branches.length])).toEqual([
      ['b', 0],
      ['a', 0],
    ]);
    expect(downstream.map(({ edge }) => edge.to.name)).toEqual(['c']);
    expect(downstream[0]!.branches.map(({ edge }) => edge.to.name)).toEqual(['a']);
  });

  test('more edges, or more steps, than an answer holds are said to be there', async () => {
    const { create, commit, from, lineage } = createWorld();
    const wide = await create('wide');
    await commit(
      wide,
      Array.from({ length: LINEAGE_EDGES_MAX + 1 }, (_, i) => file(`${i}.csv`)),
    );
    expect(await lineage('wide')).toMatchObject({ truncated: true });
    let previous = await create('0');
    for (let i = 1; i <= LINEAGE_DEPTH_MAX + 1; i++) {
      const next = await create(String(i));
      await commit(next, [from(previous, String(i - 1))]);
      previous = next;
    }
    expect((await lineage(String(LINEAGE_DEPTH_MAX))).truncated).toBe(false);
    const deep = await lineage(String(LINEAGE_DEPTH_MAX + 1));
    expect(deep.truncated).toBe(true);
  });

  test('the name of a source is cut where it is long', async () => {
    const { create, commit, lineage } = createWorld();
    await commit(await create('a'), [{ from: { kind: 'query', name: 'x'.repeat(10_000) }, rowCount: 0 }]);
    expect((await lineage('a')).upstream[0]!.edge.from.name).toHaveLength(SOURCE_NAME_LENGTH_MAX + 1);
  });
});

describe('the tree', () => {
  test('shows one edge a line', async () => {
    const { create, commit, from, lineage } = createWorld();
    const [a, b] = [await create('a'), await create('b')].map(String) as AssetId[];
    await commit(a!, [file('x\n.csv', 1)]);
    await commit(a!, [file('y.csv')]);
    await commit(b!, [from(a!, 'a', 2)]);
    const c = await create('c');
    await commit(c, [from(b!, 'b')]);
    expect(renderLineage(await lineage('a'))).toBe(
      [
        'a',
        '├─ version 1 ← file x .csv, 1 row, 2026-01-01T00:00:00.001Z',
        '├─ version 2 ← file y.csv, 10 rows, 2026-01-01T00:00:00.002Z',
        '└─ version 2 → asset b version 1, 10 rows, 2026-01-01T00:00:00.001Z',
        '   └─ version 1 → asset c version 1, 10 rows, 2026-01-01T00:00:00.001Z',
        '',
      ].join('\n'),
    );
    expect(renderLineage(await lineage('c'))).toBe(
      [
        'c',
        '└─ version 1 ← asset b version 1, 10 rows, 2026-01-01T00:00:00.001Z',
        '   └─ version 1 ← asset a version 2, 10 rows, 2026-01-01T00:00:00.001Z',
        '      ├─ version 1 ← file x .csv, 1 row, 2026-01-01T00:00:00.001Z',
        '      └─ version 2 ← file y.csv, 10 rows, 2026-01-01T00:00:00.002Z',
        '',
      ].join('\n'),
    );
  });

  test('says when nothing is recorded', async () => {
    const { create, lineage } = createWorld();
    await create('a');
    expect(renderLineage(await lineage('a'))).toBe('a\n   nothing is recorded\n');
  });
});
