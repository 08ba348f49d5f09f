import { describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { createMemoryFileSystem } from '#core/platform/testing/memory-file-system.ts';
import { parseConfig, readConfig } from './config.ts';

describe('granary.config.json', () => {
  test('is optional', async () => {
    const files = createMemoryFileSystem();
    await files.makeDirectory('/home');
    const config = await readConfig(files, '/home');
    expect(config).toMatchObject({
      webmStoragePath: '/home/segments',
      auditLogRetentionDays: 365,
      api: { host: '127.0.0.1', port: 7420 },
    });
  });

  test('keeps absolute paths and takes the seed settings', async () => {
    const files = createMemoryFileSystem();
    await files.makeDirectory('/home');
    const settings = {
      catalog: { url: 'postgresql://user:secret@localhost:5432/lakehouse' },
      webmStoragePath: '/var/lib/lakehouse/webm',
      auditLogRetentionDays: 30,
      cdcReplicationSlot: 'lakehouse_cdc',
    };
    await files.writeFileAtomic('/home/granary.config.json', toUtf8(JSON.stringify(settings)));
    expect(await readConfig(files, '/home')).toMatchObject(settings);
  });

  test.each([
    [{ webmStorage: 'x' }, 'webmStorage'],
    [{ catalog: { uri: 'x' } }, 'catalog.uri'],
    [{ api: { port: 70_000 } }, 'api.port'],
    [{ auditLogRetentionDays: 0 }, 'auditLogRetentionDays'],
    [{ cdcReplicationSlot: 'No Spaces' }, 'cdcReplicationSlot'],
    [{ catalog: { url: 'mysql://x' } }, 'catalog.url'],
    [[], ''],
  ])('%j is refused by the name of its key', (value, key) => {
    expect(() => parseConfig(value, 'f')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', details: { key } }),
    );
  });

  test('never repeats a password in its errors', () => {
    const secret = { catalog: { url: 'mysql://user:hunter2@host/db' } };
    expect(() => parseConfig(secret, 'f')).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
    );
  });

  test('that is no JSON is refused', async () => {
    const files = createMemoryFileSystem();
    await files.makeDirectory('/home');
    await files.writeFileAtomic('/home/granary.config.json', toUtf8('{ nope'));
    await expect(readConfig(files, '/home')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
