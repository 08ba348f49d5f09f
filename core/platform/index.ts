export { bootId } from './boot-id.ts';
export { createJsonLogger } from './json-logger.ts';
export { openLevelStore, type OpenLevelStoreOptions } from './level-store.ts';
export { createNodeFileSystem, fileError, syncDirectory } from './node-file-system.ts';
export {
  migrateDown,
  migrateUp,
  MIGRATIONS_DIRECTORY,
  migrationStatus,
  readMigrations,
  type Migration,
  type MigrationState,
} from './migrations.ts';
export { openCatalogDatabase } from './open-catalog-database.ts';
export { openPostgres } from './open-postgres.ts';
export { openPglite, type OpenPgliteOptions } from './pglite/open-pglite.ts';
export * from './ports.ts';
export { systemClock } from './system-clock.ts';
export { systemRandom } from './system-random.ts';
export { systemWait } from './system-wait.ts';
