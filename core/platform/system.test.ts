import { expect, test } from 'vitest';
import { GranaryError, createMutex } from '#core/kernel/index.ts';
import { bootId } from './boot-id.ts';
import { createJsonLogger } from './json-logger.ts';
import { systemClock } from './system-clock.ts';
import { systemRandom } from './system-random.ts';

test('the clock goes in whole milliseconds and never back', () => {
  expect(Number.isInteger(systemClock.now())).toBe(true);
  const before = systemClock.monotonic();
  expect(systemClock.monotonic()).toBeGreaterThanOrEqual(before);
});

test('randomness is as long as asked for and fresh', () => {
  expect(systemRandom.bytes(0)).toEqual(new Uint8Array());
  expect(systemRandom.bytes(32)).toHaveLength(32);
  expect(systemRandom.bytes(32)).not.toEqual(systemRandom.bytes(32));
});

test('the boot has one name while it lasts', async () => {
  expect(await bootId()).toMatch(/^[\w-]+$/);
  expect(await bootId()).toBe(await bootId());
});

test('a log line is one line of JSON, whatever the fields hold', () => {
  const lines: string[] = [];
  const logger = createJsonLogger({ clock: { now: () => 0, monotonic: () => 0 }, write: (line) => lines.push(line) });
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  logger.info('two\nlines', { count: 5n, error: new GranaryError('DISK_FULL', 'full'), level: 'forged' });
  logger.warn('odd', { circular });
  expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
  expect(JSON.parse(lines[0]!)).toEqual({
    time: '1970-01-01T00:00:00.000Z',
    level: 'info',
    message: 'two\nlines',
    count: '5',
    error: { code: 'DISK_FULL', message: 'full' },
  });
  expect(JSON.parse(lines[1]!)).toMatchObject({ level: 'warn', message: 'odd' });
});

test('exclusive work runs in order, and a failure does not stop what follows', async () => {
  const exclusive = createMutex();
  const seen: number[] = [];
  const first = exclusive(async () => {
    await Promise.resolve();
    seen.push(1);
    throw new Error('on purpose');
  });
  const second = exclusive(async () => seen.push(2));
  await expect(first).rejects.toThrow('on purpose');
  await second;
  expect(seen).toEqual([1, 2]);
});
