import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import {
  asGranaryError,
  GranaryError,
  isGranaryError,
  raceAbort,
  throwIfAborted,
  createMutex,
  type Mutex,
} from '#core/kernel/index.ts';
import type { AbortOptions } from '#core/kernel/index.ts';
import type { SqlConnection, SqlDatabase, SqlValue } from './ports.ts';
import { sqlError } from './sql-error.ts';
import { SESSION_SETTINGS } from './sql-session.ts';
import { assertStatement, copyInStatement, copyOutStatement, transactionLost } from './sql-statements.ts';
import { SQL_PARSERS, toSqlText } from './sql-values.ts';
import { createTransactionScope } from './transaction-scope.ts';

/** One node is one user: enough for a few scans beside a transaction, little for a server that others share. */
const CONNECTIONS_MAX = 4;

/** A server on another continent answers well within it; one that is not there is told of soon. */
const CONNECT_MS_MAX = 10_000;

/** Runs one call on a session of its own, or on the session of the transaction. */
type Run = <T>(call: (client: pg.PoolClient) => Promise<T>, signal?: AbortSignal) => Promise<T>;

/**
 * Opens a PostgreSQL server by URL (`postgres://user:password@host:port/database`) and checks that it answers.
 * Errors: `CATALOG_UNREACHABLE`; no message or detail carries the password.
 */
export async function openPostgres(url: string): Promise<SqlDatabase> {
  const config = readConfig(url);
  const name = `postgres://${config.host ?? ''}:${config.port ?? ''}/${config.database ?? ''}`;
  const pool = new pg.Pool({ ...config, max: CONNECTIONS_MAX });
  // A connection that breaks while idle is replaced; the call that needs one reports what is wrong.
  pool.on('error', () => undefined);
  const fail = (error: unknown) => postgresError(error, name, config.password);
  const database = createDatabase(pool, () => new pg.Client(config), fail);
  try {
    await database.query('SELECT 1');
  } catch (error) {
    await pool.end();
    throw error;
  }
  return database;
}

type Config = pg.ClientConfig & { readonly password: string };

function readConfig(url: string): Config {
  if (!URL.canParse(url)) {
    throw new GranaryError(
      'CATALOG_UNREACHABLE',
      'The URL of the database cannot be read. It looks like postgres://user:password@host:5432/database.',
    );
  }
  const parsed = new URL(url);
  // TLS settings and the like stay with the driver; the host is named here for messages.
  const settings = Object.entries(SESSION_SETTINGS).map(([key, value]) => `-c ${key}=${value}`);
  return {
    connectionString: url,
    host: parsed.hostname,
    port: Number(parsed.port || 5432),
    database: decodeURIComponent(parsed.pathname.slice(1)),
    password: decodeURIComponent(parsed.password),
    application_name: 'granary',
    connectionTimeoutMillis: CONNECT_MS_MAX,
    options: [parsed.searchParams.get('options') ?? '', ...settings].join(' ').trim(),
    types: { getTypeParser: (oid: number) => SQL_PARSERS[oid] ?? String } as unknown as pg.CustomTypesConfig,
  };
}

/** The driver's error without what it may quote of the URL; SQL refusals by their SQLSTATE. */
function postgresError(error: unknown, name: string, password: string): GranaryError {
  if (error instanceof GranaryError) return error;
  if (error instanceof pg.DatabaseError && !/^(28|3D|53300)/.test(error.code ?? '')) {
    return sqlError({ message: error.message, sqlState: error.code ?? 'XX000' });
  }
  const known = asGranaryError(error).message || (error instanceof Error && 'code' in error ? String(error.code) : '');
  const message =
    password === '' ? known : known.replaceAll(password, '…').replaceAll(encodeURIComponent(password), '…');
  return new GranaryError(
    'CATALOG_UNREACHABLE',
    `The database ${name} cannot be reached: ${message}. Check catalog.url and that the server runs.`,
    { database: name },
  );
}

function createDatabase(
  pool: pg.Pool,
  createClient: () => pg.Client,
  fail: (error: unknown) => GranaryError,
): SqlDatabase {
  const scope = createTransactionScope();
  let closed: Promise<void> | undefined;

  /** Lends a session; one that is gone or in the middle of something is not used again. */
  const lend = async <T>(call: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    scope.assertOutside();
    if (closed) throw new GranaryError('CATALOG_UNREACHABLE', 'The database was closed.');
    const client = await pool.connect().catch((error: unknown) => {
      throw fail(error);
    });
    // The call under way fails as well when the session breaks; without a listener the process would end.
    const ignore = () => undefined;
    client.on('error', ignore);
    let reusable = false;
    try {
      const result = await call(client);
      reusable = true;
      return result;
    } catch (error) {
      reusable = !(error instanceof ReaderLeft) && !isGranaryError(error, 'CATALOG_UNREACHABLE');
      throw error;
    } finally {
      client.off('error', ignore);
      client.release(!reusable);
    }
  };

  /** Asks the server to stop what the session does; the statement itself then fails. */
  const cancel = async (client: pg.PoolClient) => {
    const helper = createClient();
    helper.on('error', () => undefined);
    try {
      await helper.connect();
      await helper.query('SELECT pg_cancel_backend($1)', [(client as unknown as { processID: number }).processID]);
    } finally {
      await helper.end();
    }
  };
  const drive = async <T>(
    client: pg.PoolClient,
    call: (client: pg.PoolClient) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> => {
    throwIfAborted(signal);
    return withCancel(
      () => call(client),
      signal,
      () => cancel(client),
    );
  };
  const runAlone: Run = (call, signal) => lend((client) => drive(client, call, signal));

  const transact = <T>(work: (connection: SqlConnection) => Promise<T>): Promise<T> =>
    lend(async (client) => {
      const inner: Mutex = createMutex();
      const execute = (script: string) =>
        inner(() => client.query(script)).catch((error: unknown) => {
          throw fail(error);
        });
      await execute('BEGIN');
      let ended = false;
      const run: Run = async (call, signal) => {
        if (ended) throw new GranaryError('INTERNAL', 'The transaction of this connection has ended.');
        return inner(() => drive(client, call, signal));
      };
      let result: T;
      try {
        result = await scope.enter(() => work(createConnection(run, fail, 'drain')));
      } catch (error) {
        ended = true;
        // Where even this fails, the session is gone and the server has rolled back by itself.
        await execute('ROLLBACK').catch(() => undefined);
        throw error;
      }
      ended = true;
      if ((await execute('COMMIT')).command === 'ROLLBACK') throw transactionLost();
      return result;
    });

  return {
    engine: 'postgresql',
    ...createConnection(runAlone, fail, 'discard'),
    transaction: transact,
    close() {
      closed ??= pool.end();
      return closed;
    },
  };
}

/** Why a session is given back in the middle of a COPY. */
class ReaderLeft extends Error {}

/** Waits for the call to its end, which the server brings about when the signal fires. */
async function withCancel<T>(
  call: () => Promise<T>,
  signal: AbortSignal | undefined,
  cancel: () => Promise<void>,
): Promise<T> {
  let cancelled: Promise<void> | undefined;
  const onAbort = () => {
    // Where the server cannot be asked, the statement runs to its end.
    cancelled = cancel().catch(() => undefined);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await call();
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await cancelled;
  }
}

/** Reads to the end; false when that fails. */
async function drain(chunks: AsyncIterator<Uint8Array, undefined>): Promise<boolean> {
  try {
    while (!(await chunks.next()).done);
    return true;
  } catch {
    // Whoever reads has a failure of their own to report, and the next statement meets the same one.
    return false;
  }
}

/**
 * `unread` says what happens to the rest of a COPY whose reader leaves: a session of its own is discarded with it, a
 * transaction needs its session and reads to the end.
 */
function createConnection(
  run: Run,
  fail: (error: unknown) => GranaryError,
  unread: 'discard' | 'drain',
): SqlConnection {
  const driven = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw fail(error);
    }
  };
  return {
    async query<Row>(text: string, parameters: readonly SqlValue[] = [], { signal }: AbortOptions = {}) {
      assertStatement(text, parameters.length);
      throwIfAborted(signal);
      const values = parameters.map(toSqlText);
      const work = run((client) => driven(client.query({ text, values })), signal);
      return (await raceAbort(work, signal)).rows as Row[];
    },
    async exec(script) {
      assertStatement(script);
      await run((client) => driven(client.query(script)));
    },
    async copyIn(table, columns, chunks) {
      const statement = copyInStatement(table, columns);
      let sourceFailure: { readonly error: unknown } | undefined;
      const source = async function* () {
        try {
          yield* chunks;
        } catch (error) {
          sourceFailure = { error };
          throw error;
        }
      };
      await run(async (client) => {
        try {
          await pipeline(Readable.from(source(), { objectMode: false }), client.query(copyFrom(statement)));
        } catch (error) {
          throw sourceFailure ? sourceFailure.error : fail(error);
        }
      });
    },
    async *copyOut(select, format, { signal } = {}) {
      throwIfAborted(signal);
      const stream = copyTo(copyOutStatement(select, format));
      const reader = Promise.withResolvers<void>();
      // Nobody waits for it when the session cannot be had.
      reader.promise.catch(() => undefined);
      let isStarted = false;
      const started = Promise.withResolvers<void>();
      const running = run((client) => {
        client.query(stream);
        isStarted = true;
        started.resolve();
        return reader.promise;
      });
      running.catch((error: unknown) => started.reject(error));
      const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array, undefined>;
      let complete = false;
      try {
        await raceAbort(started.promise, signal);
        for (;;) {
          const next = await raceAbort(driven(chunks.next()), signal);
          if (next.done) break;
          yield new Uint8Array(next.value);
        }
        complete = true;
      } finally {
        if (!complete && isStarted && unread === 'drain') complete = await drain(chunks);
        if (complete || stream.errored) reader.resolve();
        else reader.reject(new ReaderLeft());
        await running.catch(() => undefined);
      }
    },
  };
}
