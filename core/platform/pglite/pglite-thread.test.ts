import { expect, test } from 'vitest';
import { startPgliteThread } from './pglite-thread.ts';

const START = { name: 'of the test', advice: 'Do this.', openMsMax: 120_000 };
const statement = (text: string) => ({ kind: 'query', text, parameters: [] }) as const;

test('the end of the thread rejects the call under way and all that follow', async () => {
  const thread = await startPgliteThread({ memory: true }, START);
  const running = thread.call(statement('SELECT pg_sleep(60)'));
  void thread.terminate();
  await expect(running).rejects.toMatchObject({ code: 'CATALOG_UNREACHABLE' });
  await expect(thread.call(statement('SELECT 1'))).rejects.toMatchObject({ code: 'CATALOG_UNREACHABLE' });
});

test('a failure that is none of SQL ends the thread and says what to do', async () => {
  const thread = await startPgliteThread({ memory: true }, START);
  const broken = thread.call({ kind: 'query', text: 'SELECT 1', parameters: 5 } as never);
  await expect(broken).rejects.toMatchObject({
    code: 'CATALOG_UNREACHABLE',
    message: expect.stringContaining('Do this.'),
  });
  await expect(thread.call(statement('SELECT 1'))).rejects.toMatchObject({ code: 'CATALOG_UNREACHABLE' });
  await thread.terminate();
});

test('an engine that does not come up in time is CATALOG_UNREACHABLE', async () => {
  await expect(startPgliteThread({ memory: true }, { ...START, openMsMax: 1 })).rejects.toMatchObject({
    code: 'CATALOG_UNREACHABLE',
    message: expect.stringContaining('1 ms'),
  });
});
