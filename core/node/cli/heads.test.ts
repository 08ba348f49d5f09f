import { describe, expect, test } from 'vitest';
import type { HeadsOutput } from '#sync/spaces/index.ts';
import { runCommand } from './testing/run-command.ts';

const head = (digits: string, device: string, isShown: boolean) => ({
  version: digits.repeat(32),
  isShown,
  device,
  isThisDevice: device === 'Office',
  createdAt: '2026-01-01T00:00:00.000Z',
  rowCount: 1200,
  byteCount: 2048,
});

const two: HeadsOutput = {
  asset: 'readings',
  heads: [head('ab', 'Office', true), head('cd', 'Field\u001B[2J', false)],
};

describe('assets heads', () => {
  test('says who made which, which one is shown, and how to join them', async () => {
    const { lines, text, calls } = await runCommand(['assets', 'heads', 'readings'], { answers: { listHeads: two } });
    expect(calls).toEqual([['listHeads', { asset: 'readings' }]]);
    expect(lines[1]).toMatch(/^abababababab .* this device +shown meanwhile$/);
    expect(lines.slice(-2)).toEqual([
      'the rows of all:   granary assets merge readings',
      'the rows of one:   granary assets merge readings --take VERSION',
    ]);
    expect(text).not.toContain('\u001B');
  });

  test('says nothing of joining one version', async () => {
    const one = { ...two, heads: two.heads.slice(0, 1) };
    const { lines } = await runCommand(['assets', 'heads', 'readings'], { answers: { listHeads: one } });
    expect(lines).toHaveLength(2);
  });
});

describe('assets merge', () => {
  test('joins all, or takes one', async () => {
    const merged = { asset: 'readings', heads: two.heads.slice(0, 1), merged: true };
    const { lines, calls } = await runCommand(['assets', 'merge', 'readings', '--take', 'abab'], {
      answers: { mergeHeads: merged },
    });
    expect(calls).toEqual([['mergeHeads', { asset: 'readings', take: 'abab' }]]);
    expect(lines).toEqual(['readings: one version again, of 1,200 rows']);
  });

  test('says when there is nothing to join', async () => {
    const { lines } = await runCommand(['assets', 'merge', 'readings'], {
      answers: { mergeHeads: { ...two, merged: false } },
    });
    expect(lines).toEqual(['readings: there is one newest version, and nothing to join']);
  });
});
