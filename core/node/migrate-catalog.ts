import { migrateDown, migrateUp, migrationStatus, readMigrations } from '#core/platform/index.ts';
import type { Clock, FileSystem } from '#core/platform/ports.ts';
import type { CatalogDatabase } from './catalog-database.ts';
import type { MigrationOutput } from './operations.ts';

/**
 * Applies the migrations of the catalog database, takes the newest back, or only lists them. The next use of the database
 * brings its schema up to date again and fills it from the journal.
 */
export function migrateCatalog(
  catalogDatabase: CatalogDatabase,
  files: FileSystem,
  clock: Clock,
  direction: 'up' | 'down' | 'status',
): Promise<MigrationOutput> {
  return catalogDatabase.withoutMigrating(async (database) => {
    const migrations = await readMigrations(files);
    if (direction === 'up') await migrateUp(database, migrations, { clock });
    if (direction === 'down') await migrateDown(database, migrations);
    const states = await migrationStatus(database, migrations);
    return {
      migrations: states.map(({ number, name, state, appliedAt }) => ({
        name: `${String(number).padStart(4, '0')}-${name}`,
        state,
        appliedAt: appliedAt === null ? null : new Date(appliedAt).toISOString(),
      })),
    };
  });
}
