import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { hex } from '#sync/log/testing/fixtures.ts';
import { decodeFrame, encodeFrame, type FrameBody, type FrameName, FRAMES } from './frames.ts';
import { goldenCases, playGoldenSession } from './testing/golden-sessions.ts';

const folder = new URL('../../tests/golden/sync-v1/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length));
const read = (name: string) => JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));

describe('golden files of the sync protocol, version 1', () => {
  test('are all there, with every frame of an undisturbed session', () => {
    expect(names.toSorted()).toEqual(Object.keys(goldenCases).sort());
    const seen = new Set<FrameName>();
    for (const name of names) {
      const { initiator, responder } = read(name).frames;
      for (const frame of [...initiator, ...responder]) seen.add(decodeFrame(hex(frame)).name);
    }
    const all = (Object.keys(FRAMES) as FrameName[]).filter((name) => name !== 'stored' && name !== 'refused');
    expect([...seen].sort()).toEqual(all.sort());
  });

  test.each(names)('%s is said word for word, and read as it was written', async (name) => {
    const says = read(name);
    const played = await playGoldenSession(await goldenCases[name]!());
    expect(
      JSON.parse(JSON.stringify(played, (_, value) => (value instanceof Uint8Array ? toHex(value) : value))),
    ).toEqual(says);
    for (const frame of [...played.frames.initiator, ...played.frames.responder]) {
      const { name, body } = decodeFrame(frame);
      expect(encodeFrame(name, body as FrameBody<FrameName>)).toEqual(frame);
    }
  });
});
