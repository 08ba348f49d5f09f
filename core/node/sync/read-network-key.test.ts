import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNodeFileSystem } from '#core/platform/index.ts';
import { readNetworkKey } from './read-network-key.ts';

const files = createNodeFileSystem();
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'granary-test-'));
});
afterEach(() => rm(home, { recursive: true }));

test('a key is read from the home or from anywhere', async () => {
  await writeFile(join(home, 'network.key'), `${'0A'.repeat(32)}\n`);
  const key = new Uint8Array(32).fill(10);
  expect(await readNetworkKey(files, home, 'network.key')).toEqual(key);
  expect(await readNetworkKey(files, '/', join(home, 'network.key'))).toEqual(key);
});

test.each([['0a'.repeat(31)], [`${'0a'.repeat(32)}00`], ['secret words'], [Uint8Array.of(0xff, 0xfe)]])(
  'anything else is refused and not repeated',
  async (content) => {
    await writeFile(join(home, 'network.key'), content);
    await expect(readNetworkKey(files, home, 'network.key')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.not.stringContaining('secret'),
    });
  },
);

test('a file that is not there is refused', async () => {
  await expect(readNetworkKey(files, home, 'network.key')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
