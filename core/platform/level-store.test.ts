import { spawn } from 'node:child_process';
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { openLevelStore } from './level-store.ts';
import { Commit, prefixRange } from './ports.ts';
import { describeKeyValueStore } from './testing/key-value-store-contract.ts';

const CHILD = fileURLToPath(new URL('testing/store-child.ts', import.meta.url));

describeKeyValueStore('LevelDB', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'granary-level-'));
  let store = await openLevelStore(directory);
  return {
    store,
    async reopen() {
      await store.close();
      store = await openLevelStore(directory, { mustExist: true });
      return store;
    },
    async close() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'granary-level-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function start(...args: string[]) {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const waiting: (() => void)[] = [];
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString();
    for (const wake of waiting.splice(0)) wake();
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    child,
    ended,
    output: () => output,
    async printed(text: string) {
      while (!output.includes(text)) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

describe('the lock', () => {
  test('a second opening in the same process is HOME_LOCKED, and the first lives on', async () => {
    const store = await openLevelStore(directory);
    await expect(openLevelStore(directory)).rejects.toMatchObject({ code: 'HOME_LOCKED' });
    await store.write(new Commit().put('a', toUtf8('x')), { sync: true });
    await store.close();
    await (await openLevelStore(directory)).close();
  });

  test('another process is HOME_LOCKED until the holder ends, however it ends', async () => {
    const store = await openLevelStore(directory);
    const refused = start('try', directory);
    await refused.ended;
    expect(refused.output()).toBe('HOME_LOCKED\n');
    await store.close();

    const holder = start('hold', directory);
    await holder.printed('ready');
    await expect(openLevelStore(directory)).rejects.toMatchObject({
      code: 'HOME_LOCKED',
      message: expect.stringContaining(directory),
    });
    holder.child.kill('SIGKILL');
    await holder.ended;
    await (await openLevelStore(directory)).close();
  });
});

test('after kill -9 every acknowledged commit is there and every commit is whole', async () => {
  let next = 0;
  for (let run = 0; run < 6; run++) {
    const writer = start('commit', directory, String(next));
    await writer.printed('ready');
    await sleep(20 + run * 31);
    writer.child.kill('SIGKILL');
    await writer.ended;
    const acknowledged = writer.output().split('\n').slice(1, -1).map(Number);

    const store = await openLevelStore(directory, { mustExist: true });
    const parts = new Map<number, number>();
    for await (const [key, value] of store.entries(prefixRange('commit!'))) {
      const [, number] = key.split('!');
      const commit = Number(number);
      expect(value).toEqual(toUtf8(`${commit} `.repeat(2000)));
      parts.set(commit, (parts.get(commit) ?? 0) + 1);
    }
    await store.close();
    expect([...parts.values()].every((count) => count === 5)).toBe(true);
    for (const commit of acknowledged) expect(parts.get(commit)).toBe(5);
    next = Math.max(-1, ...parts.keys()) + 1;
  }
  expect(next).toBeGreaterThan(0);
});

describe('a damaged store is STORE_DAMAGED and names its folder', () => {
  const damaged = () => expect.objectContaining({ code: 'STORE_DAMAGED', details: { path: directory } });

  async function fill() {
    const store = await openLevelStore(directory);
    // More than one write buffer, so that tables and a log exist.
    for (let i = 0; i < 12; i++) {
      const value = Uint8Array.from({ length: 500_000 }, (_, k) => (k * 7919 + i) % 251);
      await store.write(new Commit().put(`k${i}`, value), { sync: true });
    }
    await store.close();
    const names = await readdir(directory);
    const named = (pattern: RegExp) =>
      join(
        directory,
        names.find((name) => pattern.test(name))!,
      );
    return { current: named(/^CURRENT$/), manifest: named(/^MANIFEST-/), table: named(/\.ldb$/) };
  }

  test('a store that was there and is gone', async () => {
    await rm(directory, { recursive: true });
    await expect(openLevelStore(directory, { mustExist: true })).rejects.toEqual(damaged());
    await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('without CURRENT, and not taken for a first start', async () => {
    const { current } = await fill();
    await rm(current);
    await expect(openLevelStore(directory)).rejects.toEqual(damaged());
  });

  test('with a CURRENT that says nothing', async () => {
    const { current } = await fill();
    await writeFile(current, 'garbage');
    await expect(openLevelStore(directory)).rejects.toEqual(damaged());
    await truncate(current, 0);
    await expect(openLevelStore(directory)).rejects.toEqual(damaged());
  });

  test('without its manifest, or with a broken one', async () => {
    const { manifest } = await fill();
    const bytes = await readFile(manifest);
    await writeFile(manifest, new Uint8Array(bytes.length).fill(0xff));
    await expect(openLevelStore(directory)).rejects.toEqual(damaged());
    await rm(manifest);
    await expect(openLevelStore(directory)).rejects.toEqual(damaged());
  });

  test('without one of its tables', async () => {
    const { table } = await fill();
    await rm(table);
    await expect(openLevelStore(directory)).rejects.toEqual(damaged());
  });

  test('a table that is cut short fails the read and not the process', async () => {
    const { table } = await fill();
    await truncate(table, 1000);
    const read = async () => {
      const store = await openLevelStore(directory);
      try {
        for await (const [key] of store.entries({ gte: 'k', lt: 'l' })) expect(key).toMatch(/^k/);
      } finally {
        await store.close();
      }
    };
    await expect(read()).rejects.toEqual(damaged());
  });

  test('a flipped bit in a table is found by the read that meets it', async () => {
    const { table } = await fill();
    const bytes = await readFile(table);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(table, bytes);
    const store = await openLevelStore(directory);
    const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
    const outcomes = await Promise.allSettled(keys.map((key) => store.get(key)));
    await expect(store.getMany(keys)).rejects.toEqual(damaged());
    await store.close();
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([{ status: 'rejected', reason: damaged() }]);
  });

  test('a torn end of the log is what a crash leaves: the commits before it are there', async () => {
    await fill();
    const store = await openLevelStore(directory);
    await store.write(new Commit().put('last', toUtf8('kept')), { sync: true });
    await store.close();
    const log = (await readdir(directory)).find((name) => /^\d+\.log$/.test(name))!;
    await appendFile(join(directory, log), Uint8Array.of(1, 2, 3, 4, 5));
    const again = await openLevelStore(directory, { mustExist: true });
    expect(await again.get('last')).toEqual(toUtf8('kept'));
    await again.close();
  });
});

test('a folder that cannot be one is HOME_UNUSABLE', async () => {
  const file = join(directory, 'file');
  await writeFile(file, 'x');
  await expect(openLevelStore(file)).rejects.toMatchObject({ code: 'HOME_UNUSABLE' });
  await expect(openLevelStore(join(file, 'below'))).rejects.toMatchObject({ code: 'HOME_UNUSABLE' });
});
