import { expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { describeFileSystem } from './file-system-contract.ts';
import { createMemoryFileSystem } from './memory-file-system.ts';

describeFileSystem('a file system in memory', async () => {
  const files = createMemoryFileSystem();
  await files.makeDirectory('/work');
  return { files, folder: '/work', close: async () => undefined };
});

test('at whatever step the power is cut, the old file or the new one is there, whole', async () => {
  const oldText = toUtf8('the old text');
  const newText = toUtf8('new');
  const outcomes = new Set<number>();
  for (let step = 0; ; step++) {
    const files = createMemoryFileSystem();
    await files.writeFileAtomic('/a', oldText);
    files.cutPowerAfter(step);
    const done = await files.writeFileAtomic('/a', newText).then(
      () => true,
      () => false,
    );
    for (const unsynced of ['torn', 'kept', 'lost'] as const) {
      files.crash({ unsynced });
      const found = await files.readFile('/a');
      expect([oldText, newText]).toContainEqual(found);
      if (done) expect(found).toEqual(newText);
      outcomes.add(found.length);
    }
    if (done) break;
  }
  expect(outcomes.size).toBe(2);
});

test('a full disk refuses a file and keeps nothing of it', async () => {
  const files = createMemoryFileSystem();
  files.limitFreeBytes(5);
  await files.writeFileAtomic('/a', toUtf8('1234'));
  await expect(files.writeFileAtomic('/b', toUtf8('12'))).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await files.list('/')).toEqual([{ name: 'a', kind: 'file' }]);
});

test('without power every call fails until the restart', async () => {
  const files = createMemoryFileSystem();
  await files.writeFileAtomic('/a', toUtf8('x'));
  files.cutPowerAfter(0);
  await expect(files.readFile('/a')).rejects.toMatchObject({ code: 'IO_FAILED' });
  await expect(files.list('/')).rejects.toMatchObject({ code: 'IO_FAILED' });
  files.crash();
  expect(await files.readFile('/a')).toEqual(toUtf8('x'));
});
