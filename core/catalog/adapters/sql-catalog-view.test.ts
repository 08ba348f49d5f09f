import { readFile } from 'node:fs/promises';
import { openPglite, type SqlDatabase } from '#core/platform/index.ts';
import { describeCatalogView } from '../testing/catalog-view-contract.ts';

async function migrated(database: SqlDatabase): Promise<SqlDatabase> {
  await database.exec('CREATE SCHEMA granary');
  await database.exec(await readFile(new URL('../../../migrations/0001-catalog.up.sql', import.meta.url), 'utf8'));
  return database;
}

describeCatalogView('PGlite', async () => migrated(await openPglite({ memory: true })));
