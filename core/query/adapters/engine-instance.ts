import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBConnection } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { quoteText } from './quote.ts';

/** An instance of the engine, in memory. */
export interface EngineInstance {
  /** A connection of its own. Whoever opens it disconnects it. */
  connect(): Promise<EngineConnection>;
  close(): void;
}

export interface EngineConnection {
  readonly connection: DuckDBConnection;
  /** The same connection as the bindings know it. */
  readonly handle: duckdb.Connection;
}

export interface InstanceOptions {
  readonly temporaryFolder: string;
  readonly memoryByteCountMax: number;
  readonly threadCount: number;
  /** A file that may be written and read; absent: none. */
  readonly allowedPath?: string | undefined;
  /** A folder whose files may be read; absent: none. */
  readonly allowedFolder?: string | undefined;
}

/** Opens an empty instance, closed to files, extensions and the network, whose settings cannot be changed. */
export async function openEngineInstance(options: InstanceOptions): Promise<EngineInstance> {
  const { temporaryFolder, memoryByteCountMax, threadCount, allowedPath, allowedFolder } = options;
  const spillFolder = join(temporaryFolder, `query-${randomBytes(8).toString('hex')}`);
  // DuckDB makes the folder when it has something to put there, which is seldom.
  const removeFolder = () => {
    if (existsSync(spillFolder)) rmSync(spillFolder, { recursive: true, force: true });
  };
  try {
    const database = await openDatabase({
      threads: String(threadCount),
      memory_limit: `${Math.floor(memoryByteCountMax / 2 ** 20)}MiB`,
      temp_directory: spillFolder,
      autoload_known_extensions: 'false',
      autoinstall_known_extensions: 'false',
      allow_community_extensions: 'false',
    });
    const connect = async (): Promise<EngineConnection> => {
      const handle = await duckdb.connect(database);
      return { connection: new DuckDBConnection(handle), handle };
    };
    try {
      const { connection } = await connect();
      await connection.run(
        `SET GLOBAL TimeZone = 'UTC'; ${allowedPath === undefined ? '' : `SET allowed_paths = [${quoteText(allowedPath)}];`}
         ${allowedFolder === undefined ? '' : `SET allowed_directories = [${quoteText(allowedFolder)}];`}
         SET enable_external_access = false; SET lock_configuration = true`,
      );
      connection.disconnectSync();
    } catch (error) {
      duckdb.close_sync(database);
      throw error;
    }
    return {
      connect,
      close() {
        duckdb.close_sync(database);
        removeFolder();
      },
    };
  } catch (error) {
    removeFolder();
    throw error;
  }
}

async function openDatabase(settings: Readonly<Record<string, string>>): Promise<duckdb.Database> {
  const config = duckdb.create_config();
  for (const [name, value] of Object.entries(settings)) duckdb.set_config(config, name, value);
  return duckdb.open(':memory:', config);
}
