import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import type { SqlDatabase } from '../ports.ts';
import { describeSqlDatabase, expectClosed } from '../testing/sql-database-contract.ts';
import { openPglite } from './open-pglite.ts';

describeSqlDatabase('PGlite', async () => {
  const database = await openPglite({ memory: true });
  return { database, close: () => database.close() };
});

describe('a PGlite directory', () => {
  let folder: string;
  let template: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'granary-pglite-'));
    template = join(folder, 'template');
    const database = await openPglite({ directory: template });
    await database.exec('CREATE TABLE t (id bigint)');
    await database.copyIn('t', ['id'], [toUtf8('1\n2\n3\n')]);
    await database.close();
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function copyTemplate(name: string): Promise<string> {
    const directory = join(folder, name);
    await cp(template, directory, { recursive: true });
    return directory;
  }
  const count = async (database: SqlDatabase) =>
    (await database.query<{ count: bigint }>('SELECT count(*) FROM t'))[0]!.count;

  test('keeps what was written, and closing twice is nothing', async () => {
    const directory = await copyTemplate('kept');
    const database = await openPglite({ directory });
    expect(await count(database)).toBe(3n);
    await database.close();
    await database.close();
    await expectClosed(database);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('runs with small buffers', async () => {
    const database = await openPglite({ directory: await copyTemplate('small') });
    expect(await database.query('SHOW shared_buffers')).toEqual([{ shared_buffers: '8MB' }]);
    await database.close();
  });

  test('closes while a statement runs, and calls that wait are refused', async () => {
    const database = await openPglite({ directory: await copyTemplate('busy') });
    const running = database.query('SELECT pg_sleep(0.3)');
    const closing = database.close();
    const late = database.query('SELECT 1');
    await expect(late).rejects.toMatchObject({ code: 'CATALOG_UNREACHABLE' });
    await running;
    await closing;
  });

  test.each([
    ['without its control file', (d: string) => rm(join(d, 'global/pg_control'))],
    ['with a broken control file', (d: string) => writeFile(join(d, 'global/pg_control'), new Uint8Array(8192))],
    ['without its log', (d: string) => rm(join(d, 'pg_wal'), { recursive: true })],
    ['without its tables', (d: string) => rm(join(d, 'base'), { recursive: true })],
    ['without its version', (d: string) => rm(join(d, 'PG_VERSION'))],
    ['with an empty catalog', (d: string) => truncate(join(d, 'base/5/pg_filenode.map'), 0)],
    [
      'full of something else',
      async (d: string) => {
        await rm(d, { recursive: true });
        await mkdir(d);
        await writeFile(join(d, 'letter.txt'), 'hello');
      },
    ],
    [
      'that is a file',
      async (d: string) => {
        await rm(d, { recursive: true });
        await writeFile(d, 'x');
      },
    ],
  ])('%s is CATALOG_UNREACHABLE and says how to repair it', async (what, damage) => {
    const directory = await copyTemplate(what.replaceAll(' ', '-'));
    await damage(directory);
    await expect(openPglite({ directory })).rejects.toMatchObject({
      code: 'CATALOG_UNREACHABLE',
      message: expect.stringContaining('--rebuild-catalog'),
    });
  });

  test('a first start that was cut off is started over', async () => {
    const directory = join(folder, 'cut-off');
    await cp(template, `${directory}.new.tmp`, { recursive: true });
    await rm(join(`${directory}.new.tmp`, 'global/pg_control'));
    const database = await openPglite({ directory });
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await database.close();
  });

  test('after kill -9 every acknowledged commit is there', async () => {
    const directory = await copyTemplate('killed');
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('testing/insert-loop.ts', import.meta.url)), directory],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString();
      if (output.split('\n').length > 40) child.kill('SIGKILL');
    });
    await ended;
    const acknowledged = output.split('\n').slice(0, -1).length;
    const database = await openPglite({ directory });
    const kept = Number(await count(database)) - 3;
    expect(kept).toBeGreaterThanOrEqual(acknowledged * 2);
    expect(kept % 2).toBe(0);
    await database.close();
  });
});
