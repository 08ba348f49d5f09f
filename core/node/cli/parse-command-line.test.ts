import { describe, expect, test } from 'vitest';
import { commands } from './commands.ts';
import { parseCommandLine, renderOverview } from './parse-command-line.ts';

const parse = (...words: string[]) => parseCommandLine(commands, words);

describe('the command line', () => {
  test('finds the longest command that fits', () => {
    expect(parse('assets').command?.name).toBe('assets');
    expect(parse('assets', 'show', 'x')).toMatchObject({ command: { name: 'assets show' }, positionals: ['x'] });
    expect(parse('migrate', 'down').command?.name).toBe('migrate down');
  });

  test('takes options before, between and after arguments', () => {
    expect(parse('ingest', '--asset', 'a', 'f.csv', '--tag', 'x', '--tag', 'y')).toMatchObject({
      positionals: ['f.csv'],
      options: { asset: 'a', tag: ['x', 'y'] },
    });
    expect(parse('query', 'SELECT 1', '--json', '--home', '/h').options).toMatchObject({ json: true, home: '/h' });
  });

  test('a lone dash is an argument, and after -- everything is', () => {
    expect(parse('ingest', '-', '--asset', 'a').positionals).toEqual(['-']);
    expect(parse('query', '--', '-- comment').positionals).toEqual(['-- comment']);
  });

  test.each([
    [['fly']],
    [['query']],
    [['query', 'a', 'b']],
    [['query', 'a', '--nope']],
    [['migrate']],
    [['migrate', 'sideways']],
    [['ingest', 'f', '--asset']],
  ])('%j is wrong usage', (words) => {
    expect(() => parse(...words)).toThrow(expect.objectContaining({ code: 'USAGE_INVALID' }));
  });

  test('the overview lists every command once', () => {
    const overview = renderOverview(commands).join('\n');
    for (const { name, usage } of commands) {
      expect(overview).toContain(`  ${name} `);
      expect(usage.startsWith(`granary ${name}`)).toBe(true);
    }
    expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
  });
});
