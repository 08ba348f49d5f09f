import { GranaryError } from '#core/kernel/index.ts';
import { openPglite } from './pglite/open-pglite.ts';
import { openPostgres } from './open-postgres.ts';
import type { SqlDatabase } from './ports.ts';

/**
 * Opens the catalog's database: `pglite://PATH` (the path as the file system writes it, not percent-encoded) or
 * `postgres://…` / `postgresql://…`. Errors: `CATALOG_UNREACHABLE`.
 */
export async function openCatalogDatabase(url: string): Promise<SqlDatabase> {
  const scheme = /^[a-z]+(?=:\/\/)/.exec(url)?.[0];
  if (scheme === 'pglite' && url.length > 'pglite://'.length) {
    return openPglite({ directory: url.slice('pglite://'.length) });
  }
  if (scheme === 'postgres' || scheme === 'postgresql') return openPostgres(url);
  throw new GranaryError(
    'CATALOG_UNREACHABLE',
    'The URL of the catalog starts with neither pglite:// nor postgres://. Correct catalog.url.',
  );
}
