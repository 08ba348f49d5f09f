import { beforeEach, describe, expect, test } from 'vitest';
import { createNodeFileSystem } from '../node-file-system.ts';
import { migrateDown, migrateUp, migrationStatus, readMigrations, type Migration } from '../migrations.ts';
import type { SqlDatabase } from '../ports.ts';
import { createMemoryFileSystem } from './memory-file-system.ts';
import { toUtf8 } from '#core/kernel/index.ts';

const clock = { now: () => Date.UTC(2026, 10, 23), monotonic: () => 0 };
const deps = { clock };

/** The migrations of the product and migrations in general, on one engine. */
export function describeMigrations(name: string, open: () => SqlDatabase): void {
  describe(`${name}`, () => {
    let database: SqlDatabase;
    let own: readonly Migration[];
    beforeEach(async () => {
      database = open();
      own = await readMigrations(createNodeFileSystem());
      await database.exec('DROP SCHEMA IF EXISTS granary CASCADE; DROP SCHEMA IF EXISTS lake CASCADE');
    });

    const tables = async () =>
      (
        await database.query<{ name: string }>(
          `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'granary' ORDER BY 1`,
        )
      ).map((row) => row.name);

    test('up makes the tables of the catalog, and a second time does nothing', async () => {
      expect(await migrateUp(database, own, deps)).toEqual(own);
      expect(await tables()).toEqual([
        'asset_versions',
        'audit_logs',
        'catalog_progress',
        'data_assets',
        'data_lineage',
        'granary_migrations',
        'ingestion_jobs',
        'version_segments',
        'webm_columnar',
      ]);
      expect(await migrateUp(database, own, deps)).toEqual([]);
      expect(await migrationStatus(database, own)).toEqual(
        own.map((migration) => ({
          number: migration.number,
          name: migration.name,
          state: 'APPLIED',
          appliedAt: clock.now(),
        })),
      );
    });

    test('each step down restores the schema as it was before the step up, and up again is the same', async () => {
      const before: string[] = [];
      for (let count = 0; count < own.length; count++) {
        await migrationStatus(database, own);
        before.push(await dumpSchema(database));
        await migrateUp(database, own.slice(0, count + 1), deps);
      }
      const whole = await dumpSchema(database);
      for (const schema of before.toReversed()) {
        expect(await migrateDown(database, own)).toBeDefined();
        expect(await dumpSchema(database)).toBe(schema);
      }
      expect(await migrateDown(database, own)).toBeUndefined();
      await migrateUp(database, own, deps);
      expect(await dumpSchema(database)).toBe(whole);
    });

    test('the step down takes the copies in the lake along', async () => {
      await migrateUp(database, own.slice(0, 1), deps);
      await database.exec('CREATE TABLE lake.rows (id bigint); CREATE SCHEMA lake_assets');
      await migrateDown(database, own);
      expect(await migrationStatus(database, own)).toMatchObject([{ state: 'PENDING' }]);
      const left = await database.query(`SELECT 1 FROM pg_namespace WHERE nspname IN ('lake', 'lake_assets')`);
      expect(left).toEqual([]);
    });

    test('the closed lists are checked by the tables', async () => {
      await migrateUp(database, own, deps);
      const insert = (type: string, format: string) =>
        database.query(
          `INSERT INTO granary.data_assets (id, name, asset_type, storage_format, schema, version, created_at, updated_at, seq)
           VALUES (gen_random_uuid(), 'a', $1, $2, '[]', 0, now(), now(), 1)`,
          [type, format],
        );
      await insert('GRAPH', 'EDGE');
      await expect(insert('PICTURE', 'EDGE')).rejects.toMatchObject({ details: { sqlState: '23514' } });
      await expect(insert('GRAPH', 'SLED')).rejects.toMatchObject({ details: { sqlState: '23514' } });
    });

    const made = async (files: Record<string, string>) => {
      const system = createMemoryFileSystem();
      await system.makeDirectory('/m');
      for (const [fileName, text] of Object.entries(files)) {
        await system.writeFileAtomic(`/m/${fileName}`, toUtf8(text));
      }
      return readMigrations(system, '/m');
    };
    const GOOD = {
      '0001-first.up.sql': 'CREATE TABLE granary.first (id bigint);',
      '0001-first.down.sql': 'DROP TABLE granary.first;',
    };

    test('a migration that fails leaves nothing of itself and all that came before', async () => {
      const migrations = await made({
        ...GOOD,
        '0002-second.up.sql': 'CREATE TABLE granary.second (id bigint); SELECT 1/0;',
        '0002-second.down.sql': 'DROP TABLE granary.second;',
      });
      await expect(migrateUp(database, migrations, deps)).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        details: { number: 2 },
        message: expect.stringContaining('division by zero'),
      });
      expect(await tables()).toEqual(['first', 'granary_migrations']);
      expect(await migrationStatus(database, migrations)).toMatchObject([{ state: 'APPLIED' }, { state: 'PENDING' }]);
    });

    test('a step down that fails leaves the migration applied', async () => {
      const migrations = await made({ ...GOOD, '0001-first.down.sql': 'DROP TABLE granary.first; SELECT 1/0;' });
      await migrateUp(database, migrations, deps);
      await expect(migrateDown(database, migrations)).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
      expect(await tables()).toEqual(['first', 'granary_migrations']);
    });

    test('a migration that was edited after it was applied is refused in either direction', async () => {
      await migrateUp(database, await made(GOOD), deps);
      for (const edited of [
        await made({ ...GOOD, '0001-first.up.sql': `${GOOD['0001-first.up.sql']} ` }),
        await made({ ...GOOD, '0001-first.down.sql': `${GOOD['0001-first.down.sql']} ` }),
      ]) {
        await expect(migrateUp(database, edited, deps)).rejects.toMatchObject({ code: 'MIGRATION_EDITED' });
        await expect(migrateDown(database, edited)).rejects.toMatchObject({ code: 'MIGRATION_EDITED' });
        expect(await migrationStatus(database, edited)).toMatchObject([{ state: 'EDITED' }]);
      }
      expect(await tables()).toEqual(['first', 'granary_migrations']);
    });

    test('line ends of another system are no edit', async () => {
      const text = 'CREATE TABLE granary.first (\n  id bigint\n);\n';
      await migrateUp(database, await made({ ...GOOD, '0001-first.up.sql': text }), deps);
      const crlf = await made({ ...GOOD, '0001-first.up.sql': text.replaceAll('\n', '\r\n') });
      expect(await migrateUp(database, crlf, deps)).toEqual([]);
    });

    test('a database that a newer product migrated is left alone', async () => {
      const newer = await made({
        ...GOOD,
        '0002-second.up.sql': 'CREATE TABLE granary.second ();',
        '0002-second.down.sql': 'DROP TABLE granary.second;',
      });
      await migrateUp(database, newer, deps);
      const older = newer.slice(0, 1);
      await expect(migrateUp(database, older, deps)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
      await expect(migrateDown(database, older)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
      expect(await migrationStatus(database, older)).toMatchObject([{ state: 'APPLIED' }, { state: 'UNKNOWN' }]);
    });

    test('two that migrate at once apply each migration once', async () => {
      const results = await Promise.all([migrateUp(database, own, deps), migrateUp(database, own, deps)]);
      expect(results.flat()).toEqual(own);
    });

    test.each([
      ['a missing direction', { '0001-first.up.sql': '' }],
      ['a gap', { ...GOOD, '0003-third.up.sql': '', '0003-third.down.sql': '' }],
      ['one number twice', { ...GOOD, '0001-other.up.sql': '', '0001-other.down.sql': '' }],
    ])('%s in the folder is refused', async (_, files) => {
      await expect(made(files)).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
    });
  });
}

/** Everything that makes up the two schemas, as text in a fixed order. */
async function dumpSchema(database: SqlDatabase): Promise<string> {
  const ours = `('granary', 'lake')`;
  const parts = await Promise.all(
    [
      `SELECT schema_name FROM information_schema.schemata WHERE schema_name IN ${ours} ORDER BY 1`,
      `SELECT table_schema, table_name, column_name, ordinal_position, column_default, is_nullable, udt_name
       FROM information_schema.columns WHERE table_schema IN ${ours} ORDER BY 1, 2, 4`,
      `SELECT conrelid::regclass::text AS on_table, conname, pg_get_constraintdef(oid) AS definition
       FROM pg_constraint WHERE connamespace::regnamespace::text IN ${ours} ORDER BY 1, 2`,
      `SELECT schemaname, tablename, indexdef FROM pg_indexes WHERE schemaname IN ${ours} ORDER BY 1, 2, 3`,
      `SELECT relname, relkind::text FROM pg_class WHERE relnamespace::regnamespace::text IN ${ours}
       AND relname NOT LIKE 'pg_toast%' ORDER BY 1`,
      `SELECT proname FROM pg_proc WHERE pronamespace::regnamespace::text IN ${ours} ORDER BY 1`,
      `SELECT typname FROM pg_type WHERE typnamespace::regnamespace::text IN ${ours} ORDER BY 1`,
    ].map((query) => database.query(query)),
  );
  return JSON.stringify(parts, null, 1);
}
