import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPostgres } from '#core/platform/index.ts';
import { runGranary, temporaryFolder } from '#tests/support/granary.ts';
import { startPostgres } from '#tests/support/postgres.ts';

let server: Awaited<ReturnType<typeof startPostgres>>;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

test('the catalog and the structured tables live on a PostgreSQL server', async () => {
  await using folder = await temporaryFolder();
  const home = join(folder.path, 'home');
  await mkdir(home);
  await writeFile(join(home, 'granary.config.json'), JSON.stringify({ catalog: { url: server.url } }));
  await writeFile(join(folder.path, 'rows.csv'), 'id,name\n1,Ada\n2,Bo\n3,\n');

  const ingested = await runGranary(home, [
    'ingest',
    join(folder.path, 'rows.csv'),
    '--asset',
    'members',
    '--format',
    'postgres',
  ]);
  expect(ingested).toMatchObject({ exitCode: 0 });
  const rows = await runGranary(home, ['query', 'SELECT * FROM members WHERE id >= 2 ORDER BY id', '--json']);
  expect(JSON.parse(rows.stdout)).toEqual([
    { id: 2, name: 'Bo' },
    { id: 3, name: null },
  ]);
  const migrations = await runGranary(home, ['migrate', 'status', '--json']);
  expect(JSON.parse(migrations.stdout)).toMatchObject({ migrations: [{ name: '0001-catalog', state: 'APPLIED' }] });

  await using database = Object.assign(await openPostgres(server.url), {
    async [Symbol.asyncDispose](this: { close(): Promise<void> }) {
      await this.close();
    },
  });
  const listed = () => database.query('SELECT name, version FROM granary.data_assets WHERE NOT removed');
  expect(await listed()).toEqual([{ name: 'members', version: 1n }]);
  const [view] = await database.query<{ n: bigint }>('SELECT count(*) AS n FROM lake_assets.members');
  expect(view).toEqual({ n: 3n });

  expect(await runGranary(home, ['migrate', 'down'])).toMatchObject({ exitCode: 0 });
  expect(await database.query("SELECT 1 FROM pg_tables WHERE tablename = 'data_assets'")).toEqual([]);
  expect(await runGranary(home, ['doctor', '--rebuild-catalog'])).toMatchObject({ exitCode: 0 });
  expect(await listed()).toHaveLength(1);
});

test('a server that is not there is named, without its password', async () => {
  await using folder = await temporaryFolder();
  const url = 'postgres://user:hunter2@127.0.0.1:1/none';
  await writeFile(join(folder.path, 'granary.config.json'), JSON.stringify({ catalog: { url } }));
  const result = await runGranary(folder.path, ['migrate', 'status']);
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toMatch(/^error: CATALOG_UNREACHABLE /);
  expect(result.stderr).not.toContain('hunter2');
  expect(await runGranary(folder.path, ['assets'])).toMatchObject({ exitCode: 0 });
});
