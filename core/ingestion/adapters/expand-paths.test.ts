import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { failure } from '../testing/inputs.ts';
import { expandPaths } from './expand-paths.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'granary-paths-'));
  for (const directory of ['data', 'data/b', 'data/.hidden', 'empty']) await mkdir(join(folder, directory));
  const files = [
    'data/z.csv',
    'data/b/a.json.gz',
    'data/b/x.parquet',
    'data/note.md',
    'data/.secret.csv',
    'data/.hidden/h.csv',
    'odd[1].csv',
    'x.bin',
  ];
  for (const file of files) await writeFile(join(folder, file), `content of ${file}`);
  await symlink('..', join(folder, 'data/b/loop'));
  await symlink('nowhere', join(folder, 'data/b/broken.csv'));
});
afterEach(() => rm(folder, { recursive: true }));

const expand = (...patterns: string[]) => expandPaths(patterns, { workingDirectory: folder });
const names = async (...patterns: string[]) => (await expand(...patterns)).map(({ name }) => name);

async function textOf(file: { read(): AsyncIterable<Uint8Array> }): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of file.read()) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

describe('paths', () => {
  test('a file, whatever its name ends in', async () => {
    const [file] = await expand('x.bin');
    expect(file).toMatchObject({ name: 'x.bin', byteCount: 16, replayable: true });
    expect(await textOf(file!)).toBe('content of x.bin');
    expect(await textOf(file!)).toBe('content of x.bin');
  });

  test('a directory, below which hidden and unknown files are left out and loops end', async () => {
    expect(await names('data')).toEqual(['data/b/a.json.gz', 'data/b/x.parquet', 'data/z.csv']);
    expect(await names(join(folder, 'data/b'))).toEqual([
      join(folder, 'data/b/a.json.gz'),
      join(folder, 'data/b/loop/z.csv'),
      join(folder, 'data/b/x.parquet'),
    ]);
  });

  test('globs', async () => {
    expect(await names('data/**/*.{csv,parquet}')).toEqual(['data/b/x.parquet', 'data/z.csv']);
    expect(await names('data/?.csv')).toEqual(['data/z.csv']);
  });

  test('a path that exists is no glob', async () => {
    expect(await names('odd[1].csv')).toEqual(['odd[1].csv']);
  });

  test('each file once, in the order given', async () => {
    expect(await names('x.bin', 'data/z.csv', 'data')).toEqual([
      'x.bin',
      'data/z.csv',
      'data/b/a.json.gz',
      'data/b/x.parquet',
    ]);
  });

  test.each([['missing.csv'], ['data/*.tsv'], ['empty'], ['x.bin/y.csv'], ['data/b/broken.csv']])(
    '%s is not found',
    async (pattern) => {
      expect(await failure(expand(pattern), 'FILE_NOT_FOUND')).toContain(pattern);
    },
  );

  test('the standard input, once', async () => {
    const standardInput = (async function* () {
      yield toUtf8('a\n1\n');
    })();
    const [file] = await expandPaths(['-'], { standardInput });
    expect(file).toMatchObject({ name: '-', replayable: false });
    expect(await textOf(file!)).toBe('a\n1\n');
    await failure(expandPaths(['-', '-'], { standardInput }), 'USAGE_INVALID');
  });

  test('a path that cannot be followed', async () => {
    await symlink('circle.csv', join(folder, 'circle.csv'));
    expect(await failure(expand('circle.csv'), 'FILE_UNREADABLE')).toContain('circle.csv');
  });

  test('a file that disappears before it is read', async () => {
    const [file] = await expand('x.bin');
    await rm(join(folder, 'x.bin'));
    await failure(textOf(file!), 'FILE_NOT_FOUND');
  });

  test('an abort', async () => {
    const signal = AbortSignal.abort();
    await failure(expandPaths(['x.bin'], { workingDirectory: folder, signal }), 'CANCELLED');
  });
});
