import { describe, expect, test } from 'vitest';
import { findBannedWords } from '../../scripts/docs/banned-words.ts';
import { renderErrorsPage } from '../../scripts/docs/errors-page.ts';
import { findLimits, findLimitsWithoutReason, renderLimitsPage } from '../../scripts/docs/limits-page.ts';
import { findBrokenLinks } from '../../scripts/docs/links.ts';

const files = (entries: Record<string, string>) => new Map(Object.entries(entries));

test('every error code has a heading and its text', () => {
  expect(renderErrorsPage({ A_CODE: 'It happened.' })).toContain('\n## A_CODE\n\nIt happened.\n');
});

describe('limits', () => {
  const limits = findLimits(
    files({
      'core/one/limits.ts': `
        /** Because
         * of it. */
        export const ONE_MAX = 2 * 3;
        export const TWO_MIN = 1;
        /** Not exported. */
        const THREE_MAX = 1;
        /** Not a limit. */
        export const FOUR = 1;`,
      'core/one/limits.test.ts': 'export const FIVE_MAX = 1;',
      'scripts/limits.ts': 'export const SIX_MAX = 1;',
    }),
  );

  test('are the exported constants of the product', () => {
    expect(limits).toEqual([
      { name: 'ONE_MAX', path: 'core/one/limits.ts', value: '2 * 3', reason: 'Because of it.' },
      { name: 'TWO_MIN', path: 'core/one/limits.ts', value: '1', reason: '' },
    ]);
  });

  test('need a reason', () => {
    expect(findLimitsWithoutReason(limits)).toEqual([expect.stringContaining('TWO_MIN')]);
  });

  test('are listed by folder', () => {
    expect(renderLimitsPage(limits)).toContain('\n## core/one\n\n- `ONE_MAX` = `2 * 3`: Because of it.\n');
  });
});

describe('links', () => {
  const broken = (text: string) => findBrokenLinks(files({ 'docs/page.md': text, 'README.md': '# A `title`, here\n' }));

  test('that lead somewhere are fine', () => {
    const text =
      '# Top\n[a](../package.json) [b](#top) [c](../README.md#a-title-here) [d](https://example.org/x) [e](../core)';
    expect(broken(text)).toEqual([]);
  });

  test('that lead nowhere are found', () => {
    for (const target of ['missing.md', '../README.md#none', '#none', '../../outside.md']) {
      expect(broken(`[x](${target})`), target).toEqual([expect.stringContaining(target)]);
    }
  });

  test('within code are none', () => {
    expect(broken('`[x](none.md)`\n```\n[x](none.md)\n```\n')).toEqual([]);
  });
});

test('paths of a machine, promises and issue numbers are found, by line', () => {
  const bad = [
    `cd ${'/wo'}rk/main`,
    `${'/Use'}rs/ada`,
    `TO${'DO'}: later`,
    `see is${'sue'} 12`,
    `https://${'registry'}.x/y`,
  ];
  for (const text of bad) expect(findBannedWords(files({ 'a.md': `fine\n${text}\n` })), text).toHaveLength(1);
  expect(findBannedWords(files({ 'a.md': `fine\n${bad[0]}` }))[0]).toContain('a.md:2');
  expect(findBannedWords(files({ 'a.md': 'teamwork/main, home/root/x, ./work/x' }))).toEqual([]);
});
