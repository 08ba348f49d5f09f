import { afterAll, beforeAll } from 'vitest';
import { startPostgres, type PostgresServer } from '#tests/support/postgres.ts';
import { openPostgres } from './open-postgres.ts';
import { openPglite } from './pglite/open-pglite.ts';
import type { SqlDatabase } from './ports.ts';
import { describeMigrations } from './testing/migrations-contract.ts';

let server: PostgresServer;
let postgres: SqlDatabase;
let pglite: SqlDatabase;
beforeAll(async () => {
  [server, pglite] = await Promise.all([startPostgres(), openPglite({ memory: true })]);
  postgres = await openPostgres(server.url);
});
afterAll(async () => {
  await postgres?.close();
  await pglite?.close();
  await server?.stop();
});

describeMigrations('migrations on PGlite', () => pglite);
describeMigrations('migrations on PostgreSQL', () => postgres);
