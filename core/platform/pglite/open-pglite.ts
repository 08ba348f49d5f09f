import { readdir, rename, rm } from 'node:fs/promises';
import { GranaryError, raceAbort, throwIfAborted, createMutex, type Mutex } from '#core/kernel/index.ts';
import type { AbortOptions } from '#core/kernel/index.ts';
import { syncFolder } from './sync-folder.ts';
import { fileError } from '../node-file-system.ts';
import type { SqlConnection, SqlDatabase, SqlValue } from '../ports.ts';
import { copyInStatement, copyOutStatement, assertStatement, transactionLost } from '../sql-statements.ts';
import { createTransactionScope } from '../transaction-scope.ts';
import { toSqlText } from '../sql-values.ts';
import { splitRows } from './split-rows.ts';
import { readCopyOut } from './read-copy-out.ts';
import { startPgliteThread, type PgliteThread } from './pglite-thread.ts';

/** A first start takes 3 to 7 s on two cores; far beyond that it will never come up. */
const OPEN_MS_MAX = 120_000;

/** A statement still running when the database is closed may end; then the thread is ended without it. */
const CLOSE_MS_MAX = 10_000;

const ADVICE = 'Rebuild it with `granary doctor --rebuild-catalog`.';

/** Where the database lies; in memory it is gone when closed (for tests). */
export type OpenPgliteOptions = { readonly directory: string } | { readonly memory: true };

/**
 * Opens PGlite in a thread of its own, creating it on the first start. Calls run one after another; a transaction holds
 * the engine until it ends. PGlite takes no lock and syncs nothing before it is closed: hold the lock of the key-value
 * store of the same home first, and keep nothing here that cannot be rebuilt after a power loss.
 *
 * Errors: `CATALOG_UNREACHABLE` when the directory is damaged or the engine does not come up.
 */
export async function openPglite(options: OpenPgliteOptions): Promise<SqlDatabase> {
  const name = 'directory' in options ? JSON.stringify(options.directory) : 'in memory';
  const startOptions = { name, advice: ADVICE, openMsMax: OPEN_MS_MAX };
  if ('directory' in options) {
    await createWhole(options.directory, (directory) => startPgliteThread({ directory }, startOptions));
  }
  const directory = 'directory' in options ? options.directory : undefined;
  return createDatabase(await startPgliteThread(options, startOptions), directory);
}

/** A first start that is cut off must not leave half a database: it is made beside its place and then renamed. */
async function createWhole(directory: string, start: (directory: string) => Promise<PgliteThread>): Promise<void> {
  try {
    const names = await readdir(directory).catch((error: NodeJS.ErrnoException): string[] => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    if (names.includes('PG_VERSION')) return;
    if (names.length > 0) {
      throw new GranaryError(
        'CATALOG_UNREACHABLE',
        `The folder ${JSON.stringify(directory)} is no database: its file PG_VERSION is missing. ${ADVICE}`,
        { path: directory },
      );
    }
    const fresh = `${directory}.new.tmp`;
    await rm(fresh, { recursive: true, force: true });
    const thread = await start(fresh);
    await closeThread(thread);
    await rm(directory, { recursive: true, force: true });
    await rename(fresh, directory);
  } catch (error) {
    const failure = fileError(error, 'create the database', directory);
    if (failure.code === 'DISK_FULL' || failure.code === 'CATALOG_UNREACHABLE') throw failure;
    throw new GranaryError('CATALOG_UNREACHABLE', `${failure.message} ${ADVICE}`, failure.details, { cause: failure });
  }
}

async function closeThread(thread: PgliteThread): Promise<void> {
  try {
    await thread.call({ kind: 'close' });
  } finally {
    await thread.terminate();
  }
}

function createDatabase(thread: PgliteThread, directory: string | undefined): SqlDatabase {
  const exclusive = createMutex();
  const scope = createTransactionScope();
  let closed: Promise<void> | undefined;

  const run: Mutex = async (work) => {
    scope.assertOutside();
    return exclusive(work);
  };
  const execute = (script: string) => thread.call({ kind: 'exec', script });

  const transact = <T>(work: (connection: SqlConnection) => Promise<T>): Promise<T> =>
    run(async () => {
      await execute('BEGIN');
      const inner = createMutex();
      let ended = false;
      const connection = createConnection(thread, (call) => {
        if (ended) throw new GranaryError('INTERNAL', 'The transaction of this connection has ended.');
        return inner(call);
      });
      const end = (script: string) => {
        ended = true;
        return inner(() => execute(script));
      };
      let result: T;
      try {
        result = await scope.enter(() => work(connection));
      } catch (error) {
        await end('ROLLBACK').catch(() => undefined);
        throw error;
      }
      const reply = await end('COMMIT');
      if (reply.kind === 'done' && reply.command === 'ROLLBACK') throw transactionLost();
      return result;
    });

  return {
    engine: 'pglite',
    ...createConnection(thread, run),
    copyIn: (table, columns, chunks) => transact((connection) => connection.copyIn(table, columns, chunks)),
    transaction: transact,
    async close() {
      closed ??= closeWithin(thread, exclusive).then(() =>
        directory === undefined ? undefined : syncFolder(directory),
      );
      await closed;
    },
  };
}

async function closeWithin(thread: PgliteThread, exclusive: Mutex): Promise<void> {
  const timer = setTimeout(() => void thread.terminate(), CLOSE_MS_MAX);
  try {
    // An engine that stopped before has nothing left to close.
    await exclusive(() => thread.call({ kind: 'close' })).catch(() => undefined);
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}

function createConnection(thread: PgliteThread, run: Mutex): SqlConnection {
  return {
    async query<Row>(text: string, parameters: readonly SqlValue[] = [], { signal }: AbortOptions = {}) {
      assertStatement(text, parameters.length);
      throwIfAborted(signal);
      const values = parameters.map(toSqlText);
      const work = run(async () => {
        throwIfAborted(signal);
        return thread.call({ kind: 'query', text, parameters: values });
      });
      const reply = await raceAbort(work, signal);
      return (reply.kind === 'done' ? reply.rows : []) as Row[];
    },
    async exec(script) {
      assertStatement(script);
      await run(() => thread.call({ kind: 'exec', script }));
    },
    async copyIn(table, columns, chunks) {
      const statement = copyInStatement(table, columns);
      for await (const data of splitRows(chunks)) {
        await run(() => thread.call({ kind: 'copyIn', statement, data }));
      }
    },
    copyOut: (select, format, options) =>
      readCopyOut((flow, onChunk) => {
        const statement = copyOutStatement(select, format);
        return run(() => thread.call({ kind: 'copyOut', statement, flow }, onChunk));
      }, options),
  };
}
