import { describe, expect, test } from 'vitest';
import type { SessionOutput } from '#sync/peers/index.ts';
import { runCommand } from './testing/run-command.ts';

const SPACE = '0190a0c0-0000-7000-8000-000000000001';
const HOSTILE = 'x\u001B[2J\u009B31m\u202Etxt';

const session: SessionOutput = {
  device: 'ab'.repeat(32),
  fingerprint: 'b177-ec1b-f26d-fb3b-7010-d473-e6d4-4713',
  name: 'Office',
  end: 'complete',
  reason: null,
  operations: 12,
  bytesSent: 1200,
  bytesReceived: 34,
  spaces: [{ space: SPACE, isEqual: true, isOffered: true, missingHere: {}, missingThere: {} }],
};
const behind = { space: SPACE, isEqual: false, isOffered: true, missingHere: { quota: 2 }, missingThere: {} };
const unreachable: SessionOutput = {
  ...session,
  name: 'Field',
  end: 'unreachable',
  reason: 'no address answers',
  spaces: [],
};

const answersOf = (...sessions: readonly SessionOutput[]) => ({
  syncNow: { sessions },
  listSpaces: { spaces: [{ space: SPACE, name: 'Harvest' }] },
});

describe('sync now', () => {
  test('says what was exchanged, and with whom this node is equal', async () => {
    const { lines, calls } = await runCommand(['sync', 'now', 'Office'], { answers: answersOf(session) });
    expect(calls[0]).toEqual(['syncNow', { peer: 'Office' }]);
    expect(lines).toEqual([
      'Office (b177-ec1b): done',
      '  exchanged  12 operations, 1.2 kB sent, 34 B received',
      '  Harvest    equal',
      'equal with 1 device',
    ]);
  });

  test('is not done while something is missing, and says why', async () => {
    const { lines, error } = await runCommand(['sync', 'now'], {
      answers: answersOf({ ...session, spaces: [behind] }, unreachable),
    });
    expect(error).toBeUndefined();
    expect(lines).toEqual([
      'Office (b177-ec1b): ended, with something missing',
      '  exchanged  12 operations, 1.2 kB sent, 34 B received',
      '  Harvest    2 operations (the author or the space has used up its room) missing here',
      'Field (b177-ec1b): cannot be reached (no address answers)',
      'equal with 0 of 2 devices',
    ]);
  });

  test('says what is wrong with one device beside what was done with others', async () => {
    const failed: SessionOutput = { ...unreachable, end: 'failed', reason: 'it does not speak the protocol' };
    const { lines, error } = await runCommand(['sync', 'now'], { answers: answersOf(session, failed) });
    expect(error).toBeUndefined();
    expect(lines.slice(-2)).toEqual([
      'Field (b177-ec1b): failed (it does not speak the protocol)',
      'equal with 1 of 2 devices',
    ]);
  });

  test('fails when no session came to its end', async () => {
    const one = await runCommand(['sync', 'now', 'Field'], { answers: answersOf(unreachable) });
    expect(one.error).toMatchObject({ code: 'SYNC_INTERRUPTED', message: 'Field (b177-ec1b) cannot be reached.' });
    const refused = await runCommand(['sync', 'now'], { answers: answersOf({ ...session, end: 'refused' }) });
    expect(refused.error).toMatchObject({ code: 'SYNC_REFUSED' });
    const two = await runCommand(['sync', 'now', '--json'], { answers: answersOf(unreachable, unreachable) });
    expect(two.error).toMatchObject({ code: 'SYNC_INTERRUPTED' });
    expect(JSON.parse(two.text)).toEqual({ sessions: [unreachable, unreachable] });
  });

  test('without other devices says how to get one', async () => {
    const { text, error } = await runCommand(['sync', 'now'], { answers: answersOf() });
    expect(text).toContain('granary peer invite SPACE');
    expect(error).toBeUndefined();
  });
});

describe('fetch, evict, explain-sync', () => {
  test('fetch says what came', async () => {
    const fetched = { asset: 'readings', segmentCount: 5, fetchedCount: 3, byteCount: 2_000_000, missing: {} };
    const { lines, calls } = await runCommand(['fetch', 'readings'], { answers: { fetchAsset: fetched } });
    expect(calls).toEqual([['fetchAsset', { asset: 'readings' }]]);
    expect(lines).toEqual(['readings: 3 segments came, 2.0 MB; all of 5 segments here']);
    const none = { asset: 'readings', segmentCount: 0, fetchedCount: 0, byteCount: 0, missing: {} };
    expect((await runCommand(['fetch', 'readings'], { answers: { fetchAsset: none } })).lines).toEqual([
      'readings: nothing new came; it has no rows',
    ]);
  });

  test('fetch fails when something did not come, and says why', async () => {
    const fetched = { asset: 'readings', segmentCount: 5, fetchedCount: 0, byteCount: 0, missing: { 'nobody-has': 2 } };
    const { lines, error } = await runCommand(['fetch', 'readings'], { answers: { fetchAsset: fetched } });
    expect(lines).toEqual(['readings: nothing new came; missing: 2 segments (no device that has them was reached)']);
    expect(error).toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  test('evict says what was removed, and what stays and why', async () => {
    const evicted = { asset: 'readings', evictedCount: 4, byteCount: 1_000_000, kept: { 'nobody else keeps it': 1 } };
    const { lines } = await runCommand(['evict', 'readings'], { answers: { evictAsset: evicted } });
    expect(lines).toEqual([
      'readings: 4 segments removed, 1.0 MB freed',
      'kept here: 1 segment (nobody else keeps it)',
    ]);
  });

  test('explain-sync prints one finding a line', async () => {
    const explained = { asset: 'readings', isHere: false, lines: ['It is in no space.', 'Share it.'] };
    const { lines } = await runCommand(['explain-sync', 'readings'], { answers: { explainSync: explained } });
    expect(lines).toEqual(['readings: not on this node', '  It is in no space.', '  Share it.']);
  });

  test('hostile text steers no terminal', async () => {
    const hostile = {
      ...session,
      name: HOSTILE,
      reason: HOSTILE,
      spaces: [{ ...behind, missingHere: { [HOSTILE]: 1 } }],
    };
    const answers = {
      ...answersOf(hostile),
      fetchAsset: { asset: HOSTILE, segmentCount: 1, fetchedCount: 0, byteCount: 0, missing: {} },
      evictAsset: { asset: HOSTILE, evictedCount: 0, byteCount: 0, kept: { [HOSTILE]: 1 } },
      explainSync: { asset: HOSTILE, isHere: true, lines: [HOSTILE, 'a\nb'] },
    };
    for (const words of [
      ['sync', 'now'],
      ['fetch', 'a'],
      ['evict', 'a'],
      ['explain-sync', 'a'],
    ]) {
      const { lines, text, error } = await runCommand(words, { answers });
      expect(error).toBeUndefined();
      expect(text).toContain('\\u{1b}');
      expect(lines.join('')).not.toMatch(/[\n\u001B\u009B\u202E]/);
    }
  });
});
