import { describe, expect, test } from 'vitest';
import { formatBytes, renderProgress } from './progress-bar.ts';
import { printable, renderRows } from './render-rows.ts';

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
  });
});
