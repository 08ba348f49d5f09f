import { Field, Int32, Int64, Schema, Utf8 } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { type AssetId, uuidv7 } from '#core/kernel/index.ts';
import { prefixRange } from '#core/platform/ports.ts';
import type { NewAsset } from './create-asset.ts';
import type { SegmentCommit } from './commit-segments.ts';
import { ACTOR, createCatalogWorld, TEST_SCHEMA, TEST_START, testSegment } from './testing/catalog-world.ts';

const by = { actor: ACTOR };
const NOBODY = '01890a5d-ac96-774b-bcce-b302099a8057' as AssetId;
const table = (name: string): NewAsset => ({ name, assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' });
const append = (assetId: AssetId, parentVersion: number, numbers: readonly number[]): SegmentCommit => ({
  assetId,
  parentVersion,
  schema: TEST_SCHEMA,
  added: numbers.map((number) => testSegment(number)),
  sources: [],
});
const ids = (segments: readonly { readonly id: string }[]) => segments.map(({ id }) => Number.parseInt(id, 16));
const withCode = (code: string) => expect.objectContaining({ code });
const content = (hash: string) => ({ name: `${hash}.csv`, kind: 'file', contentHash: hash, rowCount: 10 });

describe('assets', () => {
  test('an asset is found by name and by id, and has no columns before its first rows', async () => {
    const { catalog } = createCatalogWorld();
    const made = await catalog.createAsset({ ...table('weather'), tags: ['b', 'a', 'b '], description: 'x' }, by);
    expect(made).toMatchObject({ name: 'weather', tags: ['a', 'b'], version: 0, createdAt: TEST_START });
    expect(made.schema.fields).toEqual([]);
    expect(await catalog.getAsset('weather')).toEqual(made);
    expect(await catalog.getAsset(made.id)).toEqual(made);
    expect(await catalog.getAssets([made.id, NOBODY])).toEqual(new Map([[made.id, made]]));
    expect(await catalog.getAssets([])).toEqual(new Map());
    await expect(catalog.getAsset('Weather')).rejects.toEqual(withCode('ASSET_NOT_FOUND'));
  });

  test('names are found without regard to case when that is not ambiguous', async () => {
    const { catalog } = createCatalogWorld();
    const upper = await catalog.createAsset(table('Weather'), by);
    expect((await catalog.findAsset('weather'))?.id).toBe(upper.id);
    const lower = await catalog.createAsset(table('weather'), by);
    expect((await catalog.findAsset('weather'))?.id).toBe(lower.id);
    expect(await catalog.findAsset('WEATHER')).toBeUndefined();
  });

  test.each([
    "it's",
    'a "quoted" name',
    'a/b/../c',
    'select',
    'DROP TABLE x; --',
    '%2F',
    '__proto__',
    'asset/1',
    '表',
    '👩‍🌾',
    ' edge ',
    '\uffff',
    '~',
  ])('the name %j can be used like any other', async (name) => {
    const { catalog, reopen } = createCatalogWorld();
    await catalog.createAsset(table('other'), by);
    const { id } = await catalog.createAsset(table(name), by);
    const again = reopen().catalog;
    expect((await again.getAsset(name)).id).toBe(id);
    expect(await again.assetNames()).toContain(name);
    await expect(again.createAsset(table(name), by)).rejects.toEqual(withCode('ASSET_EXISTS'));
    await again.removeAsset(id, by);
    expect(await again.assetNames()).toEqual(['other']);
  });

  test.each(['', '  ', '\u00a0', 'a\nb', 'a\0', 'a\u2028b', '\ud800', 'x'.repeat(256), 'a\u202eb'])(
    'the name %j is refused',
    async (name) => {
      const { catalog, store } = createCatalogWorld();
      await expect(catalog.createAsset(table(name), by)).rejects.toEqual(withCode('ASSET_NAME_INVALID'));
      expect((await Array.fromAsync(store.entries({ gte: '', lt: '~' }))).length).toBe(0);
    },
  );

  test('two ways to write one letter are one name', async () => {
    const { catalog } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('caf\u0065\u0301'), by);
    expect((await catalog.getAsset('caf\u00e9')).id).toBe(id);
    await expect(catalog.createAsset(table('caf\u00e9'), by)).rejects.toEqual(withCode('ASSET_EXISTS'));
  });

  test('lists are filtered by type and tags, ordered by name, and cut', async () => {
    const { catalog } = createCatalogWorld();
    for (const [name, tag] of [
      ['c', 'x'],
      ['a', 'x'],
      ['b', 'y'],
    ] as const) {
      await catalog.createAsset({ ...table(name), tags: [tag, 'all'] }, by);
    }
    await catalog.createAsset({ ...table('g'), assetType: 'GRAPH' }, by);
    const names = async (query: Parameters<typeof catalog.listAssets>[0]) =>
      (await catalog.listAssets(query)).assets.map(({ name }) => name);
    expect(await names({})).toEqual(['a', 'b', 'c', 'g']);
    expect(await names({ tags: ['x', 'all'] })).toEqual(['a', 'c']);
    expect(await names({ types: ['GRAPH', 'GEOSPATIAL'] })).toEqual(['g']);
    expect(await catalog.listAssets({ limit: 2, offset: 1 })).toMatchObject({ totalCount: 4 });
    expect(await names({ limit: 2, offset: 1 })).toEqual(['b', 'c']);
  });

  test('a rename frees the old name, and a change of something that has changed is refused', async () => {
    const { catalog } = createCatalogWorld();
    const seen = await catalog.createAsset(table('old'), by);
    const renamed = await catalog.updateAsset(seen.id, { name: 'new', tags: ['t'], description: 'd' }, by);
    expect(renamed).toMatchObject({ name: 'new', tags: ['t'], description: 'd' });
    expect(renamed.updatedAt).toBeGreaterThan(seen.updatedAt);
    const stale = { ...by, expectedUpdatedAt: seen.updatedAt };
    await expect(catalog.updateAsset(seen.id, { name: 'x' }, stale)).rejects.toEqual(withCode('VERSION_CONFLICT'));
    await expect(catalog.removeAsset(seen.id, stale)).rejects.toEqual(withCode('VERSION_CONFLICT'));
    await catalog.createAsset(table('old'), by);
    await expect(catalog.updateAsset(seen.id, { name: 'old' }, by)).rejects.toEqual(withCode('ASSET_EXISTS'));
  });

  test('a change that changes nothing stores nothing', async () => {
    const { catalog, log, audit } = createCatalogWorld();
    const { id, updatedAt } = await catalog.createAsset({ ...table('a'), tags: ['t'] }, by);
    expect((await catalog.updateAsset(id, { name: 'a', tags: ['t'] }, by)).updatedAt).toBe(updatedAt);
    expect(await log.bodies()).toHaveLength(1);
    expect(await audit.listAudit()).toHaveLength(1);
  });

  test('a removed asset is gone, and so are its segments; its name is free', async () => {
    const { catalog } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    const other = await catalog.createAsset(table('b'), by);
    await catalog.commitSegments(append(id, 0, [1, 2]), by);
    await catalog.commitSegments(append(other.id, 0, [2]), by);
    await catalog.removeAsset(id, by);
    for (const attempt of [catalog.getAsset('a'), catalog.getAsset(id), catalog.listVersions(id)]) {
      await expect(attempt).rejects.toEqual(withCode('ASSET_NOT_FOUND'));
    }
    await expect(catalog.commitSegments(append(id, 1, [3]), by)).rejects.toEqual(withCode('ASSET_NOT_FOUND'));
    expect(await catalog.isReferenced(testSegment(1).id)).toBe(false);
    expect(await catalog.isReferenced(testSegment(2).id)).toBe(true);
    expect(ids((await Array.fromAsync(catalog.referencedSegments())).map((segment) => ({ id: segment })))).toEqual([2]);
    expect((await catalog.createAsset(table('a'), by)).id).not.toBe(id);
  });
});

describe('versions', () => {
  test('a commit makes a version, with what was there before', async () => {
    const { catalog, clock, reopen } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    await catalog.commitSegments({ ...append(id, 0, [1, 2]), sources: [content('h1')] }, by);
    clock.advance(1000);
    const outcome = await catalog.commitSegments({ ...append(id, 1, [3]), sources: [content('h2')] }, by);
    expect(outcome).toMatchObject({ kind: 'committed', version: { version: 2, rowCount: 30, rowsAdded: 10 } });
    for (const each of [catalog, reopen().catalog]) {
      expect(ids(await each.getManifest(id, 2))).toEqual([1, 2, 3]);
      expect(ids(await each.getManifest(id, 1))).toEqual([1, 2]);
      expect(await each.getAsset('a')).toMatchObject({ version: 2, rowCount: 30, segmentCount: 3, byteCount: 240 });
      expect((await each.getAsset('a')).lineage.sources).toEqual(['h2.csv']);
      expect((await each.listVersions(id)).map(({ version }) => version)).toEqual([2, 1]);
    }
  });

  test('versions are found by number and by time, with their schema', async () => {
    const { catalog, clock } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    expect(await catalog.resolveAsOf(id)).toMatchObject({ version: 0, rowCount: 0 });
    for (let version = 1; version <= 5; version++) {
      clock.advance(1000);
      await catalog.commitSegments(append(id, version - 1, [version]), by);
    }
    expect((await catalog.resolveAsOf(id)).version).toBe(5);
    expect((await catalog.resolveAsOf(id, { version: 2 })).schema.fields.map(({ name }) => name)).toEqual([
      'id',
      'name',
    ]);
    for (const [time, version] of [
      [1000, 1],
      [1999, 1],
      [2000, 2],
      [99_999, 5],
    ] as const) {
      expect((await catalog.resolveAsOf(id, { time: TEST_START + time })).version).toBe(version);
    }
    for (const selector of [
      { version: 6 },
      { version: 0 },
      { version: -1 },
      { version: 1.5 },
      { time: TEST_START },
      { time: -Infinity },
    ]) {
      await expect(catalog.resolveAsOf(id, selector)).rejects.toEqual(withCode('VERSION_NOT_FOUND'));
    }
  });

  test('versions follow each other in time when the clock goes back', async () => {
    const { catalog, clock } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    await catalog.commitSegments(append(id, 0, [1]), by);
    clock.advance(-86_400_000);
    await catalog.commitSegments(append(id, 1, [2]), by);
    const [second, first] = await catalog.listVersions(id);
    expect(second!.createdAt).toBeGreaterThan(first!.createdAt);
  });

  test('of two commits on one parent one wins, and the other is told', async () => {
    const { catalog } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    const outcomes = await Promise.allSettled([1, 2, 3].map((n) => catalog.commitSegments(append(id, 0, [n]), by)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'VERSION_CONFLICT' } });
    await catalog.commitSegments(append(id, 1, [2]), by);
    expect(ids(await catalog.getManifest(id, 2))).toEqual([1, 2]);
  });

  test('segments can be left out; one that stands twice goes once', async () => {
    const { catalog } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    await catalog.commitSegments(append(id, 0, [1, 2, 1]), by);
    await catalog.commitSegments({ ...append(id, 1, [4]), removed: [testSegment(1).id] }, by);
    expect(ids(await catalog.getManifest(id, 2))).toEqual([2, 1, 4]);
    expect(await catalog.getAsset('a')).toMatchObject({ rowCount: 30, segmentCount: 3 });
    const twice = { ...append(id, 2, [1, 1]), removed: [testSegment(2).id] };
    await catalog.commitSegments(twice, by);
    const thrice = [testSegment(1).id, testSegment(1).id, testSegment(1).id];
    await catalog.commitSegments({ ...append(id, 3, [5]), removed: thrice }, by);
    expect(ids(await catalog.getManifest(id, 4))).toEqual([4, 5]);
    expect((await catalog.getAsset('a')).rowCount).toBe(20);
    const missing = { ...append(id, 4, []), removed: [testSegment(4).id, testSegment(4).id] };
    await expect(catalog.commitSegments(missing, by)).rejects.toEqual(withCode('INPUT_INVALID'));
  });

  test('an asset can be made by the commit of its first rows', async () => {
    const { catalog, store } = createCatalogWorld();
    const id = uuidv7<AssetId>({
      clock: { now: () => 1, monotonic: () => 1 },
      random: { bytes: (n) => new Uint8Array(n) },
    });
    await catalog.createAsset(table('taken'), by);
    const commit = append(id, 0, [1]);
    await expect(catalog.commitSegments(commit, by)).rejects.toEqual(withCode('ASSET_NOT_FOUND'));
    const taken = { ...commit, create: table('taken') };
    await expect(catalog.commitSegments(taken, by)).rejects.toEqual(withCode('ASSET_EXISTS'));
    store.failNextWrite('DISK_FULL');
    const wanted = { ...commit, create: table('a') };
    await expect(catalog.commitSegments(wanted, by)).rejects.toEqual(withCode('DISK_FULL'));
    await expect(catalog.getAsset('a')).rejects.toEqual(withCode('ASSET_NOT_FOUND'));
    await catalog.commitSegments(wanted, by);
    expect(await catalog.getAsset('a')).toMatchObject({ id, version: 1, rowCount: 10 });
    await expect(catalog.commitSegments(wanted, by)).rejects.toEqual(withCode('VERSION_CONFLICT'));
    await catalog.removeAsset(id, by);
    await expect(catalog.commitSegments(wanted, by)).rejects.toEqual(withCode('ASSET_NOT_FOUND'));
  });

  test('content that came before is recognised, unless it is asked for', async () => {
    const { catalog } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    await catalog.commitSegments({ ...append(id, 0, [1]), sources: [content('h/1')] }, by);
    expect(await catalog.findContent(id, 'h/1')).toEqual({ contentHash: 'h/1', name: 'h/1.csv', version: 1 });
    expect(await catalog.findContent(id, 'h')).toBeUndefined();
    const again = { ...append(id, 1, [1]), sources: [content('new'), content('h/1')] };
    expect(await catalog.commitSegments(again, by)).toMatchObject({ kind: 'known-content', known: [{ version: 1 }] });
    expect((await catalog.getAsset('a')).version).toBe(1);
    expect(await catalog.findContent(id, 'new')).toBeUndefined();
    expect((await catalog.commitSegments({ ...again, repeatContent: true }, by)).kind).toBe('committed');
    expect(ids(await catalog.getManifest(id, 2))).toEqual([1, 1]);
  });

  test('rows of other columns are refused by name; a column may come to hold nulls', async () => {
    const { catalog, audit } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    await catalog.commitSegments(append(id, 0, [1]), by);
    const field = (name: string, type: Int32 | Int64 | Utf8, nullable = true) => new Field(name, type, nullable);
    for (const [fields, column] of [
      [[field('id', new Int64(), false), field('name', new Utf8())], 'id'],
      [[field('id', new Int32(), false)], 'name'],
      [[field('id', new Int32(), false), field('label', new Utf8())], 'label'],
      [[field('id', new Int32()), field('name', new Utf8()), field('more', new Utf8())], 'more'],
    ] as const) {
      const commit = { ...append(id, 1, [2]), schema: new Schema([...fields]) };
      await expect(catalog.commitSegments(commit, by)).rejects.toMatchObject({
        code: 'SCHEMA_MISMATCH',
        details: { column },
      });
    }
    const wider = new Schema([field('id', new Int32(), true), field('name', new Utf8(), false)]);
    await catalog.commitSegments({ ...append(id, 1, [2]), schema: wider }, by);
    const nullable = async (version: number) =>
      (await catalog.resolveAsOf(id, { version })).schema.fields.map((each) => each.nullable);
    expect(await nullable(1)).toEqual([false, true]);
    expect(await nullable(2)).toEqual([true, true]);
    expect((await catalog.getAsset('a')).schema.fields.map((each) => each.nullable)).toEqual([true, true]);
    await catalog.commitSegments({ ...append(id, 2, [3]), schema: wider }, by);
    const changes = (await audit.listAudit()).filter(({ action }) => action === 'SCHEMA_CHANGE');
    expect(changes.map(({ detail }) => detail)).toEqual([{ version: 2 }]);
  });

  test('rows that replace all others may have other columns', async () => {
    const { catalog } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    await catalog.commitSegments(append(id, 0, [1]), by);
    const schema = new Schema([new Field('other', new Utf8(), true)]);
    await catalog.commitSegments({ ...append(id, 1, [2]), removed: [testSegment(1).id], schema }, by);
    expect((await catalog.getAsset('a')).schema.fields.map(({ name }) => name)).toEqual(['other']);
    expect((await catalog.resolveAsOf(id, { version: 1 })).schema.fields).toHaveLength(2);
  });

  test('a bound that JSON cannot carry is left out', async () => {
    const { catalog, reopen } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    const columns = [{ min: -Infinity, max: 1, nullCount: 0 }];
    await catalog.commitSegments({ ...append(id, 0, []), added: [{ ...testSegment(1), columns }] }, by);
    expect((await reopen().catalog.getManifest(id, 1))[0]!.columns).toEqual([{ max: 1, nullCount: 0 }]);
  });

  test('what 1,000 appends write grows with their number, not with its square', async () => {
    const { catalog, store, reopen } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    const bytes = async () => {
      let total = 0;
      for (const prefix of ['manifest/', 'manifest-checkpoint/']) {
        for await (const [, value] of store.entries(prefixRange(prefix))) total += value.length;
      }
      return total;
    };
    const sizes: number[] = [];
    for (let version = 1; version <= 1000; version++) {
      await catalog.commitSegments(append(id, version - 1, [version]), by);
      if (version % 500 === 0) sizes.push(await bytes());
    }
    expect(sizes[1]! / sizes[0]!).toBeLessThan(2.5);
    const again = reopen().catalog;
    const all = Array.from({ length: 1000 }, (_, i) => i + 1);
    for (const version of [1, 31, 32, 33, 500, 999, 1000]) {
      expect(ids(await again.getManifest(id, version))).toEqual(all.slice(0, version));
    }
  });
});

describe('commits', () => {
  test('each change is one signed operation that builds on the one before', async () => {
    const { catalog, log } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    await catalog.updateAsset(id, { name: 'b' }, by);
    await catalog.commitSegments(append(id, 0, [1]), by);
    await catalog.removeAsset(id, by);
    const bodies = (await log.bodies()) as { kind: string; asset: string; dependencies: string[]; record: object }[];
    expect(bodies.map(({ kind }) => kind)).toEqual([
      'asset-created',
      'asset-changed',
      'version-committed',
      'asset-removed',
    ]);
    expect(bodies.every(({ asset }) => asset === id)).toBe(true);
    expect(bodies.map(({ dependencies }) => dependencies.length)).toEqual([0, 1, 1, 1]);
    expect(new Set(bodies.flatMap(({ dependencies }) => dependencies)).size).toBe(3);
    expect(bodies[1]!.record).toEqual({ name: 'b' });
    expect(bodies[2]!.record).toMatchObject({ version: 1, part: 0, parts: 1, added: [{ rowCount: 10 }] });
  });

  test('a version of many segments is signed in parts', async () => {
    const { catalog, log } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    await catalog.commitSegments(
      append(
        id,
        0,
        Array.from({ length: 2500 }, (_, i) => i),
      ),
      by,
    );
    const bodies = (await log.bodies()) as { record: { part: number; parts: number; added: { id: string }[] } }[];
    expect(bodies.slice(1).map(({ record }) => [record.part, record.parts])).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
    expect(ids(bodies.slice(1).flatMap(({ record }) => record.added))).toEqual(ids(await catalog.getManifest(id, 1)));
  });

  test('changes are audited in their own commit, with who made them', async () => {
    const { catalog, audit, store } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    await catalog.commitSegments(append(id, 0, [1]), { actor: { ...ACTOR, purpose: 'RESEARCH' } });
    store.failNextWrite('IO_FAILED');
    await expect(catalog.removeAsset(id, by)).rejects.toEqual(withCode('IO_FAILED'));
    await catalog.removeAsset(id, by);
    const entries = await audit.listAudit({ assetId: id });
    expect(entries.map(({ action, userId, outcome }) => [action, userId, outcome])).toEqual([
      ['DELETE', 'ada', 'allowed'],
      ['WRITE', null, 'allowed'],
      ['WRITE', 'ada', 'allowed'],
    ]);
    expect(await audit.verifyAudit()).toEqual({ entryCount: 3, fault: undefined });
  });

  test('an aborted change stores nothing', async () => {
    const { catalog, store } = createCatalogWorld();
    const signal = AbortSignal.abort();
    await expect(catalog.createAsset(table('a'), { ...by, signal })).rejects.toEqual(withCode('CANCELLED'));
    expect(await Array.fromAsync(store.entries({ gte: '', lt: '~' }))).toEqual([]);
  });

  test('limits are named', async () => {
    const { catalog } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    const many = Array.from({ length: 10_001 }, (_, i) => content(String(i)));
    await expect(catalog.commitSegments({ ...append(id, 0, []), sources: many }, by)).rejects.toEqual(
      withCode('LIMIT_EXCEEDED'),
    );
    const tags = Array.from({ length: 101 }, (_, i) => `t${i}`);
    await expect(catalog.updateAsset(id, { tags }, by)).rejects.toEqual(withCode('LIMIT_EXCEEDED'));
    await expect(catalog.updateAsset(id, { tags: [' '] }, by)).rejects.toEqual(withCode('INPUT_INVALID'));
    const description = 'x'.repeat(10_001);
    await expect(catalog.updateAsset(id, { description }, by)).rejects.toEqual(withCode('LIMIT_EXCEEDED'));
  });

  test('a record that cannot be read is named', async () => {
    const { catalog, store, reopen } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    await catalog.commitSegments(append(id, 0, [1]), by);
    const { Commit } = await import('#core/platform/ports.ts');
    await store.write(new Commit().put(`asset/${id}`, new Uint8Array([0x7b])), { sync: true });
    await expect(reopen().catalog.getAsset('a')).rejects.toMatchObject({
      code: 'JOURNAL_CORRUPT',
      details: { key: `asset/${id}` },
    });
  });
});

describe('quarantine', () => {
  const row = (record: number) => ({
    source: 'a.csv',
    record,
    line: record + 1,
    reason: 'bad',
    raw: `r${record}\0\u2028`,
  });

  test('rows show once a version has named their run, in order and in pages', async () => {
    const { catalog, reopen } = createCatalogWorld();
    const { id } = await catalog.createAsset(table('a'), by);
    for (const [version, count] of [
      [1, 2500],
      [2, 3],
    ] as const) {
      const quarantine = catalog.openQuarantine();
      for (let record = 1; record <= count; record++) await quarantine.add(row(record));
      expect((await catalog.listQuarantined(id, { limit: 1 })).totalCount).toBe(version === 1 ? 0 : 2500);
      await catalog.commitSegments({ ...append(id, version - 1, [version]), quarantine }, by);
    }
    const again = reopen().catalog;
    expect((await again.getAsset('a')).quarantinedCount).toBe(2503);
    expect(await again.discardUnfinished()).toEqual({ quarantineRuns: 0 });
    const page = await again.listQuarantined(id, { limit: 3, offset: 2499 });
    expect(page.totalCount).toBe(2503);
    expect(page.rows).toEqual([
      { ...row(2500), version: 1 },
      { ...row(1), version: 2 },
      { ...row(2), version: 2 },
    ]);
  });

  test('rows of an ingestion that did not end are removed', async () => {
    const { catalog, store, reopen } = createCatalogWorld();
    const given = catalog.openQuarantine();
    const lost = catalog.openQuarantine();
    for (let record = 1; record <= 1500; record++) {
      await given.add(row(record));
      await lost.add(row(record));
    }
    await given.discard();
    store.crash();
    expect(await reopen().catalog.discardUnfinished()).toEqual({ quarantineRuns: 1 });
    expect(await Array.fromAsync(store.entries({ gte: '', lt: '~' }))).toEqual([]);
  });
});

test('jobs are kept in their last state', async () => {
  const { catalog } = createCatalogWorld();
  const { id } = await catalog.createAsset(table('a'), by);
  const job = {
    id,
    name: 'load',
    source: { kind: 'file', path: 'a.csv' },
    targetAssetId: id,
    schedule: null,
    transformationLogic: null,
    status: 'RUNNING',
    lastRun: 1,
    nextRun: null,
    errorCount: 0,
    maxErrors: 0,
    lastResult: null,
  } as const;
  await catalog.recordJob(job, by);
  await catalog.commitSegments({ ...append(id, 0, [1]), jobs: [{ ...job, status: 'SUCCEEDED' }] }, by);
  expect(await catalog.listJobs()).toEqual([{ ...job, status: 'SUCCEEDED' }]);
});
