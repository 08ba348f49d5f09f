import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { createNodeBundleFiles } from './node-bundle-files.ts';

let folder: string;
let path: string;
const files = createNodeBundleFiles();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'granary-test-'));
  path = join(folder, 'stick');
});
afterEach(() => rm(folder, { recursive: true }));

test('a file has its name once it is published, and replaces what was there', async () => {
  await writeFile(path, 'before');
  const file = await files.create(path);
  await file.write(toUtf8('hello '));
  expect(await readFile(path, 'utf8')).toBe('before');
  await file.write(toUtf8('world'));
  await file.publish();
  const source = await files.open(path);
  expect(await source.read(0, source.byteCount)).toEqual(toUtf8('hello world'));
  await source.close();
  expect(await readdir(folder)).toEqual(['stick']);
  if (process.platform !== 'win32') expect((await stat(path)).mode & 0o077).toBe(0);
});

test('a file that is discarded leaves nothing', async () => {
  const file = await files.create(path);
  await file.write(toUtf8('hello'));
  await file.discard();
  expect(await readdir(folder)).toEqual([]);
});

test('a file that cannot have its name leaves nothing', async () => {
  await mkdir(join(path, 'full'), { recursive: true });
  const file = await files.create(path);
  await file.write(toUtf8('hello'));
  await expect(file.publish()).rejects.toMatchObject({ name: 'GranaryError', details: { path } });
  await file.discard();
  expect(await readdir(folder)).toEqual(['stick']);
});

test('a folder that is not there is named', async () => {
  const missing = join(folder, 'missing', 'stick');
  await expect(files.create(missing)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', details: { path: missing } });
});
