import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres, type PostgresServer } from '#tests/support/postgres.ts';
import { openCatalogDatabase } from './open-catalog-database.ts';
import { openPostgres } from './open-postgres.ts';
import { describeSqlDatabase, expectClosed } from './testing/sql-database-contract.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

describeSqlDatabase('PostgreSQL', async () => {
  const database = await openPostgres(server.url);
  return { database, close: () => database.close() };
});

describe('a server', () => {
  test('a call that is aborted stops on the server too', async () => {
    const database = await openPostgres(server.url);
    const controller = new AbortController();
    const slow = database.query(`SELECT pg_sleep(60) /* marked */`, [], { signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    await expect(slow).rejects.toMatchObject({ code: 'CANCELLED' });
    for (;;) {
      const busy = await database.query(
        `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%/* marked */' AND pid <> pg_backend_pid()`,
      );
      if (busy.length === 0) break;
    }
    await database.close();
  });

  test('a session that the server ends fails its call, and the next call has a new one', async () => {
    const database = await openPostgres(server.url);
    const slow = database.query('SELECT pg_sleep(60) /* doomed */');
    slow.catch(() => undefined);
    for (;;) {
      const ended = await database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE state = 'active' AND query LIKE '%/* doomed */' AND pid <> pg_backend_pid()`,
      );
      if (ended.length > 0) break;
    }
    await expect(slow).rejects.toMatchObject({ code: 'CATALOG_UNREACHABLE' });
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await database.close();
  });

  test.each([
    ['a wrong password', (url: URL) => (url.password = 'tell-nobody')],
    ['a wrong database', (url: URL) => (url.pathname = '/missing')],
    ['a port without a server', (url: URL) => (url.port = '1')],
    ['a host that does not exist', (url: URL) => (url.hostname = 'nowhere.invalid')],
  ])('%s is CATALOG_UNREACHABLE, and nothing tells the password', async (_, change) => {
    const url = new URL(server.url);
    change(url);
    const failure: unknown = await openPostgres(url.href).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'CATALOG_UNREACHABLE' });
    const { message, stack, details, cause } = failure as Error & { details: unknown };
    const told = JSON.stringify([message, stack, details, String(cause)]);
    expect(told).not.toContain(url.password);
  });

  test('a closed database refuses calls, and closing twice is nothing', async () => {
    const database = await openPostgres(server.url);
    await database.close();
    await database.close();
    await expectClosed(database);
  });
});

describe('the URL of the catalog', () => {
  test('chooses the engine', async () => {
    const database = await openCatalogDatabase(server.url);
    expect(database.engine).toBe('postgresql');
    await database.close();
  });

  test.each(['', 'mysql://user:tell-nobody@host/x', 'pglite://', 'postgres://user:tell-nobody@ho st:x/y', '/path'])(
    '%j is CATALOG_UNREACHABLE and is not repeated',
    async (url) => {
      const failure: unknown = await openCatalogDatabase(url).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'CATALOG_UNREACHABLE' });
      expect(JSON.stringify([(failure as Error).message, (failure as Error).stack])).not.toContain('tell-nobody');
    },
  );
});
