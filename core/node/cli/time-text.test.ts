import { expect, test } from 'vitest';
import { formatAgo, formatSpan, formatTime } from './time-text.ts';

test('a span is told in the largest unit of which there is one', () => {
  const hour = 3_600_000;
  expect([0, 999, 59_999, 60_000, hour, 23.9 * hour, 24 * hour, 168 * hour].map(formatSpan)).toEqual([
    '0 seconds',
    '0 seconds',
    '59 seconds',
    '1 minute',
    '1 hour',
    '23 hours',
    '1 day',
    '7 days',
  ]);
});

test('what was within ten seconds, or comes of a clock set back, is just now', () => {
  const now = Date.parse('2026-11-23T08:00:00Z');
  expect(formatAgo('2026-11-23T07:59:51Z', now)).toBe('just now');
  expect(formatAgo('2026-11-24T08:00:00Z', now)).toBe('just now');
  expect(formatAgo('2026-11-23T07:15:00Z', now)).toBe('45 minutes ago');
});

test('a time is that of the clock on the wall', () => {
  expect(formatTime(new Date(2026, 0, 5, 9, 7).toISOString())).toBe('2026-01-05 09:07');
});
