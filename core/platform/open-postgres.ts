import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { asGranaryError, GranaryError, raceAbort, throwIfAborted } from '#core/kernel/index.ts';
import type { AbortOptions } from '#core/kernel/index.ts';
import { createExclusive, type Exclusive } from './exclusive.ts';
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

  /** Lends a session; one that failed in a way that leaves its state in doubt is not used again. */
  const lend = async <T>(call: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    scope.assertOutside();
    if (closed) throw new GranaryError('CATALOG_UNREACHABLE', 'The database was closed.');
    const client = await pool.connect().catch((error: unknown) => {
      throw fail(error);
    });
    let healthy = false;
    try {
      const result = await call(client);
      healthy = true;
      return result;
    } catch (error) {
      healthy = error instanceof pg.DatabaseError || error instanceof GranaryError;
      throw fail(error);
    } finally {
      client.release(!healthy);
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
  const cancellable: Run = async (call, signal) =>
    lend(async (client) => {
      throwIfAborted(signal);
      return withCancel(client, call, signal, cancel);
    });

  const transact = <T>(work: (connection: SqlConnection) => Promise<T>): Promise<T> =>
    lend(async (client) => {
      await client.query('BEGIN');
      const inner: Exclusive = createExclusive();
      let ended = false;
      const run: Run = async (call, signal) => {
        if (ended) throw new GranaryError('INTERNAL', 'The transaction of this connection has ended.');
        return inner(async () => {
          throwIfAborted(signal);
          return withCancel(client, call, signal, cancel).catch((error: unknown) => {
            throw fail(error);
          });
        });
      };
      const end = (script: string) => {
        ended = true;
        return inner(() => client.query(script));
      };
      let result: T;
      try {
        result = await scope.enter(() => work(createConnection(run, fail)));
      } catch (error) {
        // Where even this fails, the session is gone and the server has rolled back by itself.
        await end('ROLLBACK').catch(() => undefined);
        throw error;
      }
      if ((await end('COMMIT')).command === 'ROLLBACK') throw transactionLost();
      return result;
    });

  return {
    engine: 'postgresql',
    ...createConnection(cancellable, fail),
    transaction: transact,
    close() {
      closed ??= pool.end();
      return closed;
    },
  };
}

/** Rejects as soon as the signal fires, but gives the session back only when the server has stopped. */
async function withCancel<T>(
  client: pg.PoolClient,
  call: (client: pg.PoolClient) => Promise<T>,
  signal: AbortSignal | undefined,
  cancel: (client: pg.PoolClient) => Promise<void>,
): Promise<T> {
  if (!signal) return call(client);
  let cancelled: Promise<void> | undefined;
  // Where the server cannot be asked, the statement runs to its end.
  const onAbort = () => (cancelled = cancel(client).catch(() => undefined));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await call(client);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await cancelled;
  }
}

function createConnection(run: Run, fail: (error: unknown) => GranaryError): SqlConnection {
  return {
    async query<Row>(text: string, parameters: readonly SqlValue[] = [], { signal }: AbortOptions = {}) {
      assertStatement(text, parameters.length);
      throwIfAborted(signal);
      const values = parameters.map(toSqlText);
      const result = await raceAbort(
        run((client) => client.query({ text, values }), signal),
        signal,
      );
      return result.rows as Row[];
    },
    async exec(script) {
      assertStatement(script);
      await run((client) => client.query(script));
    },
    async copyIn(table, columns, chunks) {
      const statement = copyInStatement(table, columns);
      await run((client) => pipeline(Readable.from(chunks), client.query(copyFrom(statement))));
    },
    async *copyOut(select, format, { signal } = {}) {
      throwIfAborted(signal);
      const statement = copyOutStatement(select, format);
      const stream = copyTo(statement);
      const finished = Promise.withResolvers<void>();
      const started = Promise.withResolvers<void>();
      const running = run(async (client) => {
        client.query(stream);
        started.resolve();
        await finished.promise;
      });
      running.catch((error: unknown) => started.reject(error));
      let complete = false;
      try {
        await raceAbort(started.promise, signal);
        for await (const chunk of stream) {
          throwIfAborted(signal);
          yield new Uint8Array(chunk);
        }
        complete = true;
      } catch (error) {
        throw fail(error);
      } finally {
        // A session in the middle of a COPY cannot be used again.
        if (complete) finished.resolve();
        else finished.reject(new Error('The reader left.'));
        await running.catch(() => undefined);
      }
    },
  };
}
