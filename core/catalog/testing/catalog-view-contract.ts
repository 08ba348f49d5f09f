import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type AssetId, silentLogger } from '#core/kernel/index.ts';
import { Commit, type SqlDatabase } from '#core/platform/ports.ts';
import { mayHaveLostPower, openSqlCatalogView } from '../adapters/sql-catalog-view.ts';
import type { LineageEdge } from '../lineage-edge.ts';
import type { AssetReplicaState } from '../asset-replica.ts';
import { ACTOR, createCatalogWorld, TEST_SCHEMA, testSegment } from './catalog-world.ts';
import { operationOf, replicaId, testEdge, testReplica, testVersion } from './replica-states.ts';

const by = { actor: ACTOR };
const TABLES = {
  data_assets: 'id',
  asset_versions: 'asset_id, version',
  version_segments: 'asset_id, version, change, ordinal',
  webm_columnar: 'asset_id, segment_hash',
  ingestion_jobs: 'id',
  data_lineage: 'id',
  audit_logs: 'seq',
};

type World = ReturnType<typeof createCatalogWorld>;

/** Every row of the view, in order, as text. */
async function dump(database: SqlDatabase): Promise<string> {
  const parts: string[] = [];
  for (const [table, order] of Object.entries(TABLES)) {
    const rows = await database.query<{ line: string }>(
      `SELECT to_jsonb(t)::text AS line FROM granary.${table} AS t ORDER BY ${order}`,
    );
    parts.push(`${table}: ${rows.length}`, ...rows.map(({ line }) => line));
  }
  return parts.join('\n');
}

const count = async (database: SqlDatabase, from: string) =>
  Number((await database.query<{ n: bigint }>(`SELECT count(*) AS n FROM granary.${from}`))[0]!.n);

const open = (world: World, database: SqlDatabase, bootId = 'boot-1') =>
  openSqlCatalogView({ ...world, database, bootId, logger: silentLogger });

/** A bit of everything, with texts that PostgreSQL does not take. */
async function fill({ catalog, clock }: World, names: readonly string[]): Promise<AssetId[]> {
  const assetIds: AssetId[] = [];
  for (const [i, name] of names.entries()) {
    const asset = { name, assetType: 'TIME_SERIES', storageFormat: 'WEBM_COLUMNAR', tags: ['a,"b"', `t${i}`] } as const;
    const { id } = await catalog.createAsset(asset, by);
    assetIds.push(id);
    const commit = { assetId: id, schema: TEST_SCHEMA, sources: [] };
    const edge: LineageEdge = {
      id,
      from: { kind: 'file', name: 'nul\0 and half \ud800.csv' },
      to: { assetId: id, name, version: 1 },
      job: null,
      rowCount: 10,
      at: clock.now(),
      detail: { note: '\\u0000 stays' },
    };
    const hostile = { ...testSegment(i + 1), columns: [{ min: '\0', max: '\udfff"\\', nullCount: 0 }] };
    await catalog.commitSegments(
      { ...commit, parentVersion: 0, added: [hostile], contribute: ({ recordEdge }) => recordEdge(edge) },
      by,
    );
    clock.advance(1234);
    await catalog.commitSegments(
      { ...commit, parentVersion: 1, added: [testSegment(i + 100)], removed: [hostile.id] },
      by,
    );
  }
  return assetIds;
}

/** What a view of the catalog must do, on any engine. `openDatabase` gives an empty one with all migrations applied. */
export function describeCatalogView(name: string, openDatabase: () => Promise<SqlDatabase>): void {
  describe(`the catalog view on ${name}`, () => {
    let database: SqlDatabase;
    beforeAll(async () => {
      database = await openDatabase();
    });
    afterAll(() => database?.close());
    beforeEach(async () => {
      const tables = [...Object.keys(TABLES), 'catalog_progress'].map((table) => `granary.${table}`);
      await database.query(`TRUNCATE ${tables.join(', ')}`);
    });

    test('it shows assets, versions, segments, jobs, edges and the trail', async () => {
      const world = createCatalogWorld();
      const [first, second] = await fill(world, ["it's", '表 "x"; --']);
      await world.catalog.removeAsset(second!, by);
      await world.catalog.recordJob(
        {
          id: first!,
          name: 'load',
          source: { path: 'a\0b' },
          targetAssetId: first!,
          schedule: null,
          transformationLogic: null,
          status: 'SUCCEEDED',
          lastRun: world.clock.now(),
          nextRun: null,
          errorCount: 0,
          maxErrors: 3,
          lastResult: { rows: 1 },
        },
        by,
      );
      await using view = { ...(await open(world, database)), [Symbol.asyncDispose]: () => view.close() };
      await view.whenCaughtUp();
      const assets = await database.query(
        'SELECT name, version, removed, tags FROM granary.data_assets ORDER BY version',
      );
      expect(assets).toEqual([
        { name: "it's", version: 2n, removed: false, tags: ['a,"b"', 't0'] },
        { name: '表 "x"; --', version: 3n, removed: true, tags: ['a,"b"', 't1'] },
      ]);
      const versions = await database.query(
        'SELECT version, parent, kind, row_count, created_at FROM granary.asset_versions WHERE asset_id = $1 ORDER BY version',
        [first!],
      );
      expect(versions).toMatchObject([
        { version: 1n, parent: null, kind: 'append', row_count: 10n },
        { version: 2n, parent: 1n, kind: 'replace', row_count: 10n },
      ]);
      const [edge] = await database.query<{ from_name: string; detail: object }>(
        'SELECT from_name, detail FROM granary.data_lineage WHERE asset_id = $1',
        [first!],
      );
      expect(edge).toMatchObject({ from_name: 'nul\ufffd and half \ufffd.csv', detail: { note: '\\u0000 stays' } });
      const [asset] = await database.query<{ updated_at: Date; schema: { fields: unknown[] } }>(
        'SELECT updated_at, schema FROM granary.data_assets WHERE id = $1',
        [first!],
      );
      expect(asset!.updated_at.getTime()).toBe((await world.catalog.getAsset(first!)).updatedAt);
      expect(asset!.schema.fields).toHaveLength(2);
      expect(await count(database, 'version_segments')).toBe(6);
      expect(await count(database, 'webm_columnar')).toBe(4);
      expect(await count(database, 'ingestion_jobs')).toBe(1);
      expect(await count(database, "audit_logs WHERE action = 'DELETE'")).toBe(1);
    });

    test('filled step by step, at once or anew, it is the same', async () => {
      const world = createCatalogWorld();
      const view = await open(world, database);
      const [first] = await fill(world, ['a']);
      await view.whenCaughtUp();
      // In one batch, to an asset of an earlier one: the rename comes last and must win.
      const rows = { assetId: first!, schema: TEST_SCHEMA, sources: [] };
      await world.catalog.commitSegments({ ...rows, parentVersion: 2, added: [testSegment(900)] }, by);
      world.clock.advance(1);
      const { updatedAt } = await world.catalog.updateAsset(first!, { name: 'b', tags: [] }, by);
      await view.whenCaughtUp();
      const [renamed] = await database.query<{ updated_at: Date }>('SELECT updated_at FROM granary.data_assets');
      expect(renamed!.updated_at.getTime()).toBe(updatedAt);
      const [, third] = await fill(world, ['a', 'c']);
      await view.whenCaughtUp();
      await world.catalog.removeAsset(third!, by);
      await fill(world, ['c']);
      await view.whenCaughtUp();
      const stepwise = await dump(database);
      await view.rebuildView();
      expect(await dump(database)).toBe(stepwise);
      await view.close();
      await database.query('DELETE FROM granary.catalog_progress');
      const anew = await open(world, database);
      await anew.whenCaughtUp();
      expect(await dump(database)).toBe(stepwise);
      expect(stepwise).toContain('data_assets: 4');
      await anew.close();
    });

    test('assets of a space stand in it as in the catalog, in whatever steps they came', async () => {
      const world = createCatalogWorld();
      const { catalog } = world;
      const apply = (...states: AssetReplicaState[]) => catalog.applyReplicas(states, { storeEdge: () => undefined });
      const view = await open(world, database);
      const first = testReplica(1, { versions: [testVersion(1, [1])], edges: [testEdge(replicaId(1), 1)] });
      await apply(first, testReplica(2, { fields: { name: 'asset 1' } }));
      await view.whenCaughtUp();
      world.clock.advance(1000);
      await apply(
        { ...first, versions: [testVersion(2, [2, 3], { base: 1, added: [2, 3], removed: [1] })] },
        testReplica(2, { removed: true }),
      );
      await view.whenCaughtUp();
      await apply({ ...first, removed: true });
      await view.whenCaughtUp();
      await apply({ ...first, fields: { ...first.fields, tags: ['back'] }, versions: [testVersion(1, [1])] });
      await view.whenCaughtUp();
      const shown = await database.query<{ updated_at: Date }>(
        'SELECT name, tags, version, removed, updated_at FROM granary.data_assets ORDER BY id',
      );
      const { updatedAt } = await catalog.getAsset(first.assetId);
      expect(shown).toMatchObject([
        { name: 'asset 1', tags: ['back'], version: 4n, removed: false },
        { name: 'asset 1 (Millbrook)', version: 1n, removed: true },
      ]);
      expect(shown[0]!.updated_at.getTime()).toBe(updatedAt);
      const versions = await database.query('SELECT version, row_count, operation_id FROM granary.asset_versions');
      expect(versions).toEqual([
        { version: 1n, row_count: 10n, operation_id: operationOf(1) },
        { version: 2n, row_count: 20n, operation_id: operationOf(2) },
        { version: 4n, row_count: 10n, operation_id: operationOf(1) },
      ]);
      expect(await count(database, 'data_lineage')).toBe(1);
      const stepwise = await dump(database);
      await view.rebuildView();
      expect(await dump(database)).toBe(stepwise);
      await view.close();
    });

    test('it follows commits in the background and goes on where it was', async () => {
      const world = createCatalogWorld();
      await fill(world, ['a']);
      const view = await open(world, database);
      await view.close();
      await fill(world, ['b']);
      const again = await open(world, database);
      await fill(world, ['c']);
      again.notify();
      again.notify();
      await again.whenCaughtUp();
      expect(await count(database, 'data_assets')).toBe(3);
      expect(await count(database, 'audit_logs')).toBe(9);
      await again.close();
    });

    test('a view of another store is thrown away', async () => {
      const other = createCatalogWorld();
      await fill(other, ['x']);
      await (await open(other, database)).whenCaughtUp();
      const world = createCatalogWorld();
      await fill(world, ['a', 'b', 'c']);
      const view = await open(world, database);
      await view.whenCaughtUp();
      expect(await database.query('SELECT name FROM granary.data_assets ORDER BY name')).toEqual(
        ['a', 'b', 'c'].map((name) => ({ name })),
      );
      await view.close();
    });

    test('what is ahead of the journal is thrown away', async () => {
      const other = createCatalogWorld();
      await fill(other, ['x', 'y']);
      const ahead = await open(other, database);
      await ahead.whenCaughtUp();
      await ahead.close();
      // As a backup of the store that was taken earlier.
      const world = createCatalogWorld();
      await world.store.write(new Commit().put('catalog-view', (await other.store.get('catalog-view'))!), {
        sync: true,
      });
      await fill(world, ['a']);
      const view = await open(world, database);
      await view.whenCaughtUp();
      expect(await database.query('SELECT name FROM granary.data_assets')).toEqual([{ name: 'a' }]);
      await view.close();
    });

    test('a view that PGlite may have lost with the power is filled anew', async () => {
      const forged = async (leave: 'clean' | 'unclean', bootId: string) => {
        const world = createCatalogWorld();
        await fill(world, ['a']);
        const view = await open(world, database);
        await view.whenCaughtUp();
        if (leave === 'clean') await view.close();
        else {
          // As a killed process leaves it: whatever runs has ended, nothing is noted.
          await world.store.write(new Commit(), { sync: true });
        }
        await database.query("UPDATE granary.data_assets SET name = 'lost'");
        expect(await mayHaveLostPower(world.store, bootId)).toBe(leave === 'unclean' && bootId !== 'boot-1');
        const again = await open(world, database, bootId);
        await again.whenCaughtUp();
        const [row] = await database.query<{ name: string }>('SELECT name FROM granary.data_assets');
        await again.close();
        await database.query('DELETE FROM granary.catalog_progress');
        return row!.name === 'a' ? 'filled anew' : 'kept';
      };
      expect(await forged('clean', 'boot-2')).toBe('kept');
      expect(await forged('unclean', 'boot-1')).toBe('kept');
      expect(await forged('unclean', 'boot-2')).toBe(database.engine === 'pglite' ? 'filled anew' : 'kept');
    });

    test('a rebuild can be cancelled, reports how far it is, and is finished by the next run', async () => {
      const world = createCatalogWorld();
      const view = await open(world, database);
      await fill(
        world,
        Array.from({ length: 20 }, (_, i) => `asset ${i}`),
      );
      await view.whenCaughtUp();
      const whole = await dump(database);
      await expect(view.rebuildView({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' });
      const reports: number[] = [];
      await view.whenCaughtUp();
      await view.rebuildView({ report: ({ done, total }) => reports.push(done / total!) });
      expect(reports.at(-1)).toBe(1);
      expect(await dump(database)).toBe(whole);
      await view.close();
    });

    test('pruned entries leave the trail of the view', async () => {
      const world = createCatalogWorld();
      const view = await open(world, database);
      await fill(world, ['a']);
      await view.whenCaughtUp();
      world.clock.advance(10 * 86_400_000);
      await fill(world, ['b']);
      await world.audit.pruneAudit(5);
      await view.whenCaughtUp();
      expect(await database.query('SELECT min(seq) AS low, count(*) AS n FROM granary.audit_logs')).toEqual([
        { low: 4n, n: 3n },
      ]);
      await view.close();
    });
  });
}
