import { afterAll, beforeAll } from 'vitest';
import {
  createNodeFileSystem,
  migrateUp,
  openPglite,
  openPostgres,
  readMigrations,
  type SqlDatabase,
  systemClock,
} from '#core/platform/index.ts';
import { type PostgresServer, startPostgres } from '#tests/support/postgres.ts';
import { describeCatalogView } from '../testing/catalog-view-contract.ts';

async function migrated(database: SqlDatabase): Promise<SqlDatabase> {
  await migrateUp(database, await readMigrations(createNodeFileSystem()), { clock: systemClock });
  return database;
}

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

describeCatalogView('PGlite', async () => migrated(await openPglite({ memory: true })));
describeCatalogView('PostgreSQL', async () => migrated(await openPostgres(server.url)));
