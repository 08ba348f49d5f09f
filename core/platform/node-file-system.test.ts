import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { createNodeFileSystem, fileError } from './node-file-system.ts';
import { describeFileSystem } from './testing/file-system-contract.ts';

describeFileSystem('the disk of this machine', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'granary-files-'));
  return { files: createNodeFileSystem(), folder, close: () => rm(folder, { recursive: true }) };
});

test('the mode is the one asked for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'granary-files-'));
  const path = join(folder, 'secret');
  await createNodeFileSystem().writeFileAtomic(path, toUtf8('x'), { mode: 0o600 });
  expect((await stat(path)).mode & 0o777).toBe(process.platform === 'win32' ? 0o666 : 0o600);
  await chmod(path, 0o600);
  await rm(folder, { recursive: true });
});

test.each([
  ['ENOSPC', 'DISK_FULL'],
  ['EDQUOT', 'DISK_FULL'],
  ['ENOENT', 'FILE_NOT_FOUND'],
  ['EACCES', 'FILE_UNREADABLE'],
  ['EISDIR', 'FILE_UNREADABLE'],
  ['EIO', 'IO_FAILED'],
])('%s is %s', (systemCode, code) => {
  const error = fileError(Object.assign(new Error('from the system'), { code: systemCode }), 'write', '/home/"x"');
  expect(error).toMatchObject({ code, details: { path: '/home/"x"', systemCode } });
});
