import { expect, test } from 'vitest';
import { verifySealed } from './sealed-file.ts';
import { LEAF_PLAIN_BYTES } from './sealed-layout.ts';
import type { SealedSegment } from './sealed-segment.ts';
import { type ConnectOptions, createTestRequester, settle, type TestRequester } from './testing/federation.ts';
import { plainBytes, sealBytes, tree } from './testing/fixtures.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

const SEEDS = 25;
const ROUNDS_MAX = 400;

/** A small generator with a seed: whole numbers below `limit`. */
function dice(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

type Character = 'honest' | 'slow' | 'lying' | 'silent' | 'leaving' | 'rambling';
const CHARACTERS: readonly Character[] = ['honest', 'slow', 'lying', 'silent', 'leaving', 'rambling'];

function behave(character: Character, below: (limit: number) => number, leave: () => void): ConnectOptions {
  let silent = false;
  return {
    async toRequester(frame) {
      switch (character) {
        case 'honest':
          return frame;
        case 'slow':
          await settle(1 + below(5));
          return frame;
        case 'lying':
          if (below(8) === 0) frame[5 + below(Math.max(1, frame.length - 5))]! ^= 1 << below(8);
          return frame;
        case 'silent':
          silent ||= below(20) === 0;
          return silent ? undefined : frame;
        case 'leaving':
          if (below(30) === 0) leave();
          return frame;
        case 'rambling':
          return below(40) === 0 ? Uint8Array.from({ length: below(80) }, () => below(256)) : frame;
      }
    },
  };
}

const source = createMemorySealedFolder();
const all: SealedSegment[] = [];
for (const leaves of [0, 1, 2, 5, 12, 25, 40, 515]) {
  all.push(await sealBytes(source, plainBytes(Math.max(0, leaves * LEAF_PLAIN_BYTES - 9)), leaves % 200));
}

/** One requester among peers of every character, stopped and started again in between. */
async function simulate(seed: number): Promise<void> {
  const below = dice(seed);
  const segments = all.filter(({ byteCount }) => below(byteCount > 100 * LEAF_PLAIN_BYTES ? 4 : 2) === 0);
  const mine = createMemorySealedFolder();
  const liars = new Set<string>();

  const connect = (requester: TestRequester, peerId: string, character: Character) => {
    if (character === 'lying') liars.add(peerId);
    const channel = requester.connect(
      peerId,
      source,
      behave(character, below, () => channel.close()),
    );
  };

  for (let life = 0; life < 3; life++) {
    const requester = createTestRequester(mine);
    const isLast = life === 2;
    const left = new Set(segments);
    const done = segments.map((segment) =>
      requester.fetcher.fetch(segment.name, below(2) ? segment : {}).then(
        () => left.delete(segment),
        () => undefined,
      ),
    );
    for (let i = 0; i < 4; i++) connect(requester, `${life}-${i}`, CHARACTERS[below(CHARACTERS.length)]!);
    if (isLast) connect(requester, 'rescue', 'honest');
    const rounds = isLast ? ROUNDS_MAX : below(60);
    for (let round = 0; round < rounds && left.size > 0; round++) await requester.time.pass(500);
    if (isLast)
      expect(
        [...left].map(({ name }) => name),
        `seed ${seed}: what did not arrive`,
      ).toEqual([]);
    await requester.fetcher.close();
    await Promise.all(done);
    const blamed = Object.keys(requester.fetchCounts).filter((key) => key.endsWith('-wrong'));
    for (const key of blamed) expect(liars, `seed ${seed}`).toContain(key.split(' ')[0]);
  }
  for (const { name } of segments) await verifySealed(tree, (await mine.open(name))!, name);
  expect(mine.fileNames(), `seed ${seed}`).toEqual(segments.map(({ name }) => `${name}.sealed`).sort());
}

test(`${SEEDS} seeds: whatever the others do, one honest peer is enough, and only liars are blamed`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) await simulate(seed);
});
