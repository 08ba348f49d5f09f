import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SEGMENT_FRAMES } from './frames.ts';
import { createTestRequester, settle } from './testing/federation.ts';
import { LEAF, isLeaf, sealed, expectSame, sum } from './testing/fetch-world.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

describe('wrong bytes', () => {
  test('are found within one leaf and blamed on their sender, who is not asked again', async () => {
    const { folder, name, leafCount } = await sealed(600);
    await fc.assert(
      fc.asyncProperty(fc.nat(250), fc.nat(16_399), async (leaf, place) => {
        const mine = createMemorySealedFolder();
        const { fetcher, connect, fetchCounts, serveCounts, time } = createTestRequester(mine);
        let askedAfter = 0;
        let isBlamed = false;
        let sent = 0;
        connect('liar', folder, {
          toServer: (frame) => {
            if (isBlamed && frame[0] !== SEGMENT_FRAMES.cancel.code) askedAfter += 1;
            isBlamed ||= (fetchCounts['liar leaf-wrong'] ?? 0) > 0;
            return frame;
          },
          toRequester: (frame) => {
            if (isLeaf(frame) && sent++ === leaf) frame[9 + (place % (frame.length - 9))]! ^= 1;
            return frame;
          },
        });
        connect('honest', folder);
        await fetcher.fetch(name);
        await time.pass(0);
        await expectSame(mine, folder, name);
        const wrong = fetchCounts['liar leaf-wrong'] ?? 0;
        expect(wrong).toBe(sent > leaf ? 1 : 0);
        if (wrong) {
          expect(fetchCounts['liar leaf-stored'] ?? 0).toBe(leaf);
          expect(askedAfter).toBe(0);
        }
        expect(sum(fetchCounts, 'leaf-stored')).toBe(leafCount);
        expect(serveCounts['honest leaf-sent']).toBe(fetchCounts['honest leaf-stored']);
        await fetcher.close();
      }),
      { numRuns: 12 },
    );
  });

  test.each([
    ['root', 'root-wrong'],
    ['page', 'page-wrong'],
    ['leaf', 'leaf-wrong'],
  ] as const)('in a %s: another peer makes it good, also after a new connection of the liar', async (kind, event) => {
    const { folder, name } = await sealed(20);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, fetchCounts } = createTestRequester(mine);
    const lie = {
      toRequester: (frame: Uint8Array) => {
        if (frame[0] === SEGMENT_FRAMES[kind].code) frame[frame.length - 1]! ^= 1;
        return frame;
      },
    };
    connect('liar', folder, lie);
    const done = fetcher.fetch(name);
    await settle();
    expect(fetchCounts).toEqual({
      [`liar ${event}`]: 1,
      ...(kind === 'leaf' ? { 'liar unneeded': expect.any(Number) } : {}),
    });
    connect('liar', folder);
    await settle();
    expect(fetcher.status()[0]?.waitsFor).toBe('peer');
    connect('honest', folder);
    await done;
    await expectSame(mine, folder, name);
    await fetcher.close();
  });

  test.each([
    ['an unknown kind', (frame: Uint8Array) => Uint8Array.of(99, ...frame.subarray(1)), 'frame-kind'],
    ['a frame of a requester', () => new Uint8Array(5).fill(4), 'frame-kind'],
    ['an empty frame', () => new Uint8Array(), 'frame-kind'],
    ['a short frame', (frame: Uint8Array) => frame.subarray(0, 6), 'frame-length'],
    ['a long frame', () => new Uint8Array(2 ** 21).fill(LEAF), 'frame-length'],
    ['a leaf nobody asked for', (frame: Uint8Array) => frame.with(8, 255), 'unasked'],
    ['an answer to no request', (frame: Uint8Array) => frame.with(1, 255), 'unasked'],
  ])('%s ends the connection', async (_, change, event) => {
    const { folder, name } = await sealed(20);
    const { fetcher, connect, fetchCounts } = createTestRequester(createMemorySealedFolder());
    connect('liar', folder, { toRequester: (frame) => (isLeaf(frame) ? change(frame) : frame) });
    const done = fetcher.fetch(name);
    await settle();
    expect(fetchCounts).toEqual({ [`liar ${event}`]: 1 });
    connect('honest', folder);
    await done;
    await fetcher.close();
  });

  test('an answer that ends early is blamed, so that nobody is asked for ever', async () => {
    const { folder, name } = await sealed(20);
    const { fetcher, connect, fetchCounts } = createTestRequester(createMemorySealedFolder());
    connect('lazy', folder, { toRequester: (frame) => (isLeaf(frame) ? undefined : frame) });
    const done = fetcher.fetch(name);
    await settle();
    expect(fetchCounts).toEqual({ 'lazy short': 1 });
    connect('honest', folder);
    await done;
    await fetcher.close();
  });
});
