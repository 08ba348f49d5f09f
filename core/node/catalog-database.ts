import type { AuditLog } from '#core/audit/index.ts';
import {
  type CatalogView,
  mayHaveLostPower,
  openSqlCatalogView,
  type ViewOptions,
} from '#core/catalog/adapters/sql-catalog-view.ts';
import { isGranaryError, type Logger } from '#core/kernel/index.ts';
import { bootId, migrateUp, openCatalogDatabase, readMigrations } from '#core/platform/index.ts';
import type { Clock, FileSystem, KeyValueStore, SqlDatabase } from '#core/platform/ports.ts';

export interface CatalogDatabaseDeps {
  readonly store: KeyValueStore;
  readonly auditLog: AuditLog;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `postgres://…`, or the folder of PGlite. */
  readonly place: { readonly url: string } | { readonly directory: string };
}

/**
 * The catalog's database with the view in it, opened by its first use: most commands never touch it, and PGlite takes
 * seconds to create. It holds nothing that cannot be built again, so a damaged PGlite folder is replaced.
 */
export interface CatalogDatabase extends AsyncDisposable {
  readonly database: SqlDatabase;
  /** Tells the view, if it is open, that there is more in the journal. */
  notify(): void;
  whenCaughtUp(options?: ViewOptions): Promise<void>;
  /** Builds the view anew; PGlite as a whole. */
  rebuild(options?: ViewOptions): Promise<void>;
  /** Runs `work` on the database as it is, without bringing its schema up to date first. */
  withoutMigrating<T>(work: (database: SqlDatabase) => Promise<T>): Promise<T>;
}

interface Opened {
  readonly database: SqlDatabase;
  readonly view: CatalogView;
}

export function createCatalogDatabase(deps: CatalogDatabaseDeps): CatalogDatabase {
  const { place, files } = deps;
  let opening: Promise<Opened> | undefined;

  const open = (): Promise<Opened> => {
    // After a failure the next use tries again.
    opening ??= openView(deps).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  const close = async (): Promise<void> => {
    const opened = await opening?.catch(() => undefined);
    opening = undefined;
    if (!opened) return;
    try {
      await opened.view.close(() => opened.database.close());
    } finally {
      await opened.database.close();
    }
  };
  const database = async () => (await open()).database;

  return {
    database: {
      engine: 'url' in place ? 'postgresql' : 'pglite',
      query: async (...args) => (await database()).query(...args),
      exec: async (...args) => (await database()).exec(...args),
      copyIn: async (...args) => (await database()).copyIn(...args),
      async *copyOut(...args) {
        yield* (await database()).copyOut(...args);
      },
      transaction: async (work) => (await database()).transaction(work),
      close,
    },
    notify() {
      void opening?.then(({ view }) => view.notify()).catch(() => undefined);
    },
    async whenCaughtUp(options) {
      await (await open()).view.whenCaughtUp(options);
    },
    async rebuild(options) {
      if ('url' in place) {
        await (await open()).view.rebuildView(options);
        return;
      }
      await close();
      await files.remove(place.directory);
      await (await open()).view.whenCaughtUp(options);
    },
    async withoutMigrating(work) {
      await close();
      const raw = await openCatalogDatabase(urlOf(deps));
      try {
        return await work(raw);
      } finally {
        await raw.close();
      }
    },
    [Symbol.asyncDispose]: close,
  };
}

const urlOf = ({ place }: CatalogDatabaseDeps): string => ('url' in place ? place.url : `pglite://${place.directory}`);

async function openView(deps: CatalogDatabaseDeps): Promise<Opened> {
  const { store, auditLog: audit, files, clock, logger, place } = deps;
  if ('directory' in place && (await mayHaveLostPower(store, await bootId()))) {
    logger.warn('The machine went down while PGlite was open; its folder is built anew from the journal.');
    await files.remove(place.directory);
  }
  const database = await openReplacingDamaged(deps);
  try {
    await migrateUp(database, await readMigrations(files), { clock });
    const view = await openSqlCatalogView({ store, audit, database, bootId: await bootId(), clock, logger });
    return { database, view };
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function openReplacingDamaged(deps: CatalogDatabaseDeps): Promise<SqlDatabase> {
  const { place, files, logger } = deps;
  try {
    return await openCatalogDatabase(urlOf(deps));
  } catch (error) {
    if ('url' in place || !isGranaryError(error, 'CATALOG_UNREACHABLE')) throw error;
    logger.warn('PGlite does not open; its folder is built anew from the journal.', { cause: error.message });
    await files.remove(place.directory);
    return openCatalogDatabase(urlOf(deps));
  }
}
