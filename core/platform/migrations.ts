import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asGranaryError, fromUtf8, GranaryError } from '#core/kernel/index.ts';
import type { Clock } from '#core/kernel/index.ts';
import type { FileSystem, SqlConnection, SqlDatabase } from './ports.ts';

/** The migrations that come with the product. */
export const MIGRATIONS_DIRECTORY = fileURLToPath(new URL('../../migrations', import.meta.url));

/** One numbered step of the schema, with the way back. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly up: string;
  readonly down: string;
  /** SHA-256 of `up` and of `down`, hexadecimal, line ends counted as LF. */
  readonly upChecksum: string;
  readonly downChecksum: string;
}

export interface MigrationState {
  readonly number: number;
  readonly name: string;
  /** UNKNOWN: applied by a newer Granary, no file here. */
  readonly state: 'APPLIED' | 'PENDING' | 'EDITED' | 'UNKNOWN';
  /** Milliseconds since the UNIX epoch; null while it is not applied. */
  readonly appliedAt: number | null;
}

const FILE_NAME = /^(\d{4})-([a-z0-9-]+)\.(up|down)\.sql$/;

/** How far the schema is, kept in the database itself; the one thing no migration makes. */
const BOOKKEEPING = `
  CREATE SCHEMA IF NOT EXISTS granary;
  CREATE TABLE granary.granary_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    up_checksum text NOT NULL,
    down_checksum text NOT NULL,
    applied_at timestamptz NOT NULL
  )`;

/** Two nodes that start against one server at the same time must not both migrate: key of an advisory lock. */
const LOCK_KEY = 7_420_001n;

/**
 * Reads `NNNN-name.up.sql` and `NNNN-name.down.sql` of a folder, in order.
 * Errors: `MIGRATION_FAILED` when one of a pair is missing or the numbers have a gap.
 */
export async function readMigrations(
  files: FileSystem,
  directory: string = MIGRATIONS_DIRECTORY,
): Promise<readonly Migration[]> {
  const found = new Map<number, { name: string; up?: string; down?: string }>();
  for (const { name: fileName } of await files.list(directory)) {
    const match = FILE_NAME.exec(fileName);
    if (!match) continue;
    const [, number, name, direction] = match as unknown as [string, string, string, 'up' | 'down'];
    const text = fromUtf8(await files.readFile(join(directory, fileName))).replaceAll('\r\n', '\n');
    const migration = found.get(Number(number)) ?? { name };
    if (migration.name !== name) throw misnamed(directory, `number ${number} is used twice`);
    found.set(Number(number), { ...migration, [direction]: text });
  }
  return [...found]
    .sort(([left], [right]) => left - right)
    .map(([number, { name, up, down }], i) => {
      if (number !== i + 1) throw misnamed(directory, `number ${i + 1} is missing`);
      if (up === undefined || down === undefined) throw misnamed(directory, `number ${number} has only one direction`);
      return { number, name, up, down, upChecksum: checksum(up), downChecksum: checksum(down) };
    });
}

const checksum = (text: string) => createHash('sha256').update(text).digest('hex');

const misnamed = (directory: string, what: string) =>
  new GranaryError('MIGRATION_FAILED', `The migrations in ${JSON.stringify(directory)} are not whole: ${what}.`, {
    path: directory,
  });

/**
 * Applies every pending migration, each in a transaction of its own, and returns those it applied.
 * Errors: `MIGRATION_EDITED`, `MIGRATION_FAILED` (what was applied before stays), `UNSUPPORTED` when a newer Granary has
 * been here.
 */
export async function migrateUp(
  database: SqlDatabase,
  migrations: readonly Migration[],
  deps: { clock: Clock },
): Promise<readonly Migration[]> {
  const applied: Migration[] = [];
  for (const migration of migrations) {
    const ran = await step(database, migration, async (connection) => {
      const before = await readApplied(connection);
      assertUnedited(migrations, before);
      if (before.has(migration.number)) return false;
      await connection.exec(migration.up);
      await connection.query(
        `INSERT INTO granary.granary_migrations (number, name, up_checksum, down_checksum, applied_at)
         VALUES ($1, $2, $3, $4, $5)`,
        [migration.number, migration.name, migration.upChecksum, migration.downChecksum, new Date(deps.clock.now())],
      );
      return true;
    });
    if (ran) applied.push(migration);
  }
  return applied;
}

/**
 * Takes the last applied migration back, which restores the schema as it was before; returns it, or undefined when none
 * is applied. Errors: as {@link migrateUp}.
 */
export async function migrateDown(
  database: SqlDatabase,
  migrations: readonly Migration[],
): Promise<Migration | undefined> {
  const before = await database.transaction(readApplied);
  assertUnedited(migrations, before);
  const last = migrations[before.size - 1];
  if (!last) return undefined;
  await step(database, last, async (connection) => {
    const now = await readApplied(connection);
    if (now.size !== before.size) throw new Error('another process migrated at the same time');
    await connection.exec(last.down);
    await connection.query('DELETE FROM granary.granary_migrations WHERE number = $1', [last.number]);
  });
  return last;
}

/** How each migration stands, in order of number. Nothing is changed but the table that keeps count. */
export async function migrationStatus(
  database: SqlDatabase,
  migrations: readonly Migration[],
): Promise<readonly MigrationState[]> {
  const applied = await database.transaction(readApplied);
  const known = migrations.map((migration): MigrationState => {
    const row = applied.get(migration.number);
    return {
      number: migration.number,
      name: migration.name,
      state: row ? (isEdited(migration, row) ? 'EDITED' : 'APPLIED') : 'PENDING',
      appliedAt: row?.appliedAt ?? null,
    };
  });
  const unknown = [...applied.values()]
    .filter(({ number }) => number > migrations.length)
    .map(({ number, name, appliedAt }): MigrationState => ({ number, name, state: 'UNKNOWN', appliedAt }));
  return [...known, ...unknown];
}

interface AppliedRow {
  readonly number: number;
  readonly name: string;
  readonly upChecksum: string;
  readonly downChecksum: string;
  readonly appliedAt: number;
}

async function readApplied(connection: SqlConnection): Promise<ReadonlyMap<number, AppliedRow>> {
  await connection.query('SELECT pg_advisory_xact_lock($1)', [LOCK_KEY]);
  // IF NOT EXISTS would look into a cache that may be older than the lock; a query does not.
  const found = await connection.query(
    `SELECT 1 FROM pg_class WHERE relname = 'granary_migrations' AND relnamespace::regnamespace::text = 'granary'`,
  );
  if (found.length === 0) await connection.exec(BOOKKEEPING);
  const rows = await connection.query<{
    number: number;
    name: string;
    up_checksum: string;
    down_checksum: string;
    applied_at: Date;
  }>('SELECT number, name, up_checksum, down_checksum, applied_at FROM granary.granary_migrations ORDER BY number');
  return new Map(
    rows.map((row) => [
      row.number,
      {
        number: row.number,
        name: row.name,
        upChecksum: row.up_checksum,
        downChecksum: row.down_checksum,
        appliedAt: row.applied_at.getTime(),
      },
    ]),
  );
}

const isEdited = (migration: Migration, row: AppliedRow) =>
  row.name !== migration.name || row.upChecksum !== migration.upChecksum || row.downChecksum !== migration.downChecksum;

function assertUnedited(migrations: readonly Migration[], applied: ReadonlyMap<number, AppliedRow>): void {
  for (const row of applied.values()) {
    const migration = migrations[row.number - 1];
    if (!migration) {
      throw new GranaryError(
        'UNSUPPORTED',
        `A newer Granary has applied migration ${row.number} (${row.name}) to this database. Update Granary.`,
        { number: row.number },
      );
    }
    if (isEdited(migration, row)) {
      throw new GranaryError(
        'MIGRATION_EDITED',
        `Migration ${row.number} (${row.name}) was changed after it had been applied. Restore its original files.`,
        { number: row.number },
      );
    }
  }
}

async function step<T>(
  database: SqlDatabase,
  { number, name }: Migration,
  work: (connection: SqlConnection) => Promise<T>,
): Promise<T> {
  try {
    return await database.transaction(work);
  } catch (error) {
    const cause = asGranaryError(error);
    if (cause.code !== 'QUERY_FAILED' && cause.code !== 'INTERNAL') throw cause;
    throw new GranaryError(
      'MIGRATION_FAILED',
      `Migration ${number} (${name}) failed and was rolled back: ${cause.message}`,
      { number },
      { cause },
    );
  }
}
