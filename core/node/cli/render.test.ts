import { describe, expect, test } from 'vitest';
import { formatBytes, renderProgress } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';

describe('text for people', () => {
  test('columns line up, numbers to the right', () => {
    const lines = renderRows(
      [{ heading: 'name' }, { heading: 'rows', align: 'right' }],
      [
        ['a', '1'],
        ['longer', '1,000'],
      ],
    );
    expect(lines).toEqual(['name     rows', 'a           1', 'longer  1,000']);
  });

  test('what comes from outside cannot steer a terminal', () => {
    expect(printable('a\u001B[31mb\u0007\n')).toBe('a\\u{1b}[31mb\\u{7}\\u{a}');
    expect(renderRows([{ heading: 'x' }], [['\u001B[2J']])[1]).not.toContain('\u001B');
    expect(printable('a\u202Eb\u2066c\u2028d')).toBe('a\\u{202e}b\\u{2066}c\\u{2028}d');
    expect(renderProgress({ stage: 'syncing', subject: '\u001B[2J', done: 1, unit: 'operations' })).not.toContain(
      '\u001B',
    );
  });

  test('JSON means the same, and cannot steer a terminal either', () => {
    const value = { name: 'a\u001B\u007F\u009B31m\u202E\u2028\n', list: [1] };
    expect(renderJson(value)).not.toMatch(/[\u001B\u007F\u009B\u202E\u2028]/);
    expect(JSON.parse(renderJson(value))).toEqual(value);
    expect(renderJson({ a: [1] })).toBe(JSON.stringify({ a: [1] }, null, 2));
  });

  test('bytes are shown in the unit that fits', () => {
    expect([0, 999, 1000, 1_234_567, 5e12].map(formatBytes)).toEqual(['0 B', '999 B', '1.0 kB', '1.2 MB', '5.0 TB']);
  });

  test('a bar says what is done to what, and how far it is', () => {
    const bar = renderProgress({ stage: 'reading', subject: 'a.csv', done: 50, total: 200, unit: 'rows' });
    expect(bar).toContain('reading');
    expect(bar).toContain('a.csv');
    expect(bar).toContain('25 %');
    expect(bar).toContain('50 rows of 200 rows');
    expect(renderProgress({ stage: 'reading', done: 50, unit: 'bytes' })).toContain('50 B');
    const sync = renderProgress({ stage: 'syncing', done: 3, total: 4, unit: 'operations', byteCount: 1500 });
    expect(sync).toContain('3 operations of 4 operations  1.5 kB');
  });
});
