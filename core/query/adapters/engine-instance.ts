import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

/** A database in memory that lives for one query. */
export interface EngineInstance {
  readonly connection: DuckDBConnection;
  close(): void;
}

export interface InstanceOptions {
  readonly temporaryFolder: string;
  readonly memoryByteCountMax: number;
  readonly threadCount: number;
  /** A file that may be written and read; absent: none. */
  readonly allowedPath?: string | undefined;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Opens an empty database, closed to files, extensions and the network, whose settings cannot be changed. */
export async function openEngineInstance(options: InstanceOptions): Promise<EngineInstance> {
  const { temporaryFolder, memoryByteCountMax, threadCount, allowedPath } = options;
  const spillFolder = join(temporaryFolder, `query-${randomBytes(8).toString('hex')}`);
  mkdirSync(spillFolder, { recursive: true });
  const removeFolder = () => rmSync(spillFolder, { recursive: true, force: true });
  try {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(threadCount),
      memory_limit: `${Math.floor(memoryByteCountMax / 2 ** 20)}MiB`,
      temp_directory: spillFolder,
      autoload_known_extensions: 'false',
      autoinstall_known_extensions: 'false',
      allow_community_extensions: 'false',
    });
    try {
      const connection = await instance.connect();
      await connection.run(
        `SET TimeZone = 'UTC'; ${allowedPath === undefined ? '' : `SET allowed_paths = [${quoted(allowedPath)}];`}
         SET enable_external_access = false; SET lock_configuration = true`,
      );
      return {
        connection,
        close() {
          connection.disconnectSync();
          instance.closeSync();
          removeFolder();
        },
      };
    } catch (error) {
      instance.closeSync();
      throw error;
    }
  } catch (error) {
    removeFolder();
    throw error;
  }
}
