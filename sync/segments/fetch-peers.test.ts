import { describe, expect, test } from 'vitest';
import type { SealedName, SealedSegment } from './sealed-segment.ts';
import { createTestRequester, settle } from './testing/federation.ts';
import { isLeaf, sealed, expectSame, sum, copyTo } from './testing/fetch-world.ts';
import { plainBytes, sealBytes } from './testing/fixtures.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

describe('several peers', () => {
  test('share the work, and no leaf is sent twice', async () => {
    const source = await sealed(1200);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, serveCounts, fetchCounts } = createTestRequester(mine);
    for (const peerId of ['a', 'b', 'c']) connect(peerId, await copyTo(source.folder, [source.name]));
    await fetcher.fetch(source.name);
    await expectSame(mine, source.folder, source.name);
    for (const peerId of ['a', 'b', 'c']) expect(serveCounts[`${peerId} leaf-sent`]).toBeGreaterThan(200);
    expect(sum(serveCounts, 'leaf-sent')).toBe(source.leafCount);
    expect(sum(fetchCounts, 'unneeded')).toBe(0);
    await fetcher.close();
  });

  test('a slow one is relieved of what it owes, without a leaf sent twice', async () => {
    const source = await sealed(300);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, serveCounts, fetchCounts } = createTestRequester(mine);
    connect('slow', source.folder, {
      toRequester: async (frame) => {
        await settle(60);
        return frame;
      },
    });
    connect('fast', source.folder);
    await fetcher.fetch(source.name);
    await expectSame(mine, source.folder, source.name);
    expect(fetchCounts['slow stolen']).toBeGreaterThan(0);
    expect(serveCounts['slow leaf-sent']).toBeLessThan(40);
    expect(sum(serveCounts, 'leaf-sent')).toBe(source.leafCount);
    await fetcher.close();
  });

  test('a silent one is passed by; alone it is waited for', async () => {
    const source = await sealed(100);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, fetchCounts, time } = createTestRequester(mine);
    let isSilent = false;
    connect('silent', source.folder, {
      toRequester: (frame) => {
        isSilent ||= isLeaf(frame) && (fetchCounts['silent leaf-stored'] ?? 0) >= 10;
        return isSilent ? undefined : frame;
      },
    });
    let isDone = false;
    const done = fetcher.fetch(source.name).then(() => (isDone = true));
    await settle();
    for (let i = 0; i < 20; i++) await time.pass(1000);
    expect(fetchCounts['silent silent']).toBeUndefined();
    connect('other', source.folder);
    await settle(200);
    expect(isDone).toBe(false);
    await time.pass(1000);
    await done;
    expect(fetchCounts['silent silent']).toBe(1);
    await expectSame(mine, source.folder, source.name);
    await fetcher.close();
  });

  test('one that trickles holds up no more than the leaf it is sending', async () => {
    const source = await sealed(2100);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, serveCounts, time } = createTestRequester(mine);
    let drop = Promise.withResolvers<void>();
    connect('trickle', source.folder, {
      toRequester: async (frame) => {
        if (isLeaf(frame)) await drop.promise;
        return frame;
      },
    });
    connect('fast', source.folder);
    let isDone = false;
    void fetcher.fetch(source.name).then(() => (isDone = true));
    let drops = 0;
    // Each time just early enough not to count as silent.
    for (; !isDone && drops < 20; drops++) {
      await settle(400);
      await time.pass(4000);
      drop.resolve();
      drop = Promise.withResolvers();
    }
    expect(isDone).toBe(true);
    expect(drops).toBeLessThan(12);
    expect(sum(serveCounts, 'leaf-sent')).toBe(source.leafCount);
    await expectSame(mine, source.folder, source.name);
    await fetcher.close();
  });

  test('one that leaves in the middle is replaced', async () => {
    const source = await sealed(300);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, fetchCounts, serveCounts } = createTestRequester(mine);
    const leaving = connect('leaving', source.folder, {
      toRequester: (frame) => {
        if ((fetchCounts['leaving leaf-stored'] ?? 0) === 50) leaving.close();
        return frame;
      },
    });
    connect('other', source.folder);
    await fetcher.fetch(source.name);
    await expectSame(mine, source.folder, source.name);
    expect(serveCounts['other leaf-sent']).toBe(300 - fetchCounts['leaving leaf-stored']!);
    await fetcher.close();
  });
});

describe('small ones first', () => {
  test('a large segment does not block small ones that come later', async () => {
    const { folder, name, record } = await sealed(1500);
    const small = [];
    for (let i = 0; i < 30; i++) small.push(await sealBytes(folder, plainBytes(10_000 * (i + 1)), i + 1));
    const mine = createMemorySealedFolder();
    const { fetcher, connect, fetchCounts } = createTestRequester(mine);
    const finished: SealedName[] = [];
    const note = (segment: SealedSegment) =>
      fetcher.fetch(segment.name, segment).then(() => finished.push(segment.name));
    connect('a', folder, {
      toRequester: async (frame) => {
        await settle(1);
        return frame;
      },
    });
    const all = [note(record)];
    while ((fetchCounts['a leaf-stored'] ?? 0) < 100) await settle(1);
    const before = fetchCounts['a leaf-stored']!;
    all.push(...small.map(note));
    await Promise.all(all.slice(1));
    // What the small ones need, and what of the large one was asked for before.
    expect(fetchCounts['a leaf-stored']! - before).toBeLessThan(31 * 20 + 64);
    expect(finished).toHaveLength(30);
    await Promise.all(all);
    await expectSame(mine, folder, name);
    await fetcher.close();
  });

  test('what no peer has takes no place from what one has', async () => {
    const { folder, name } = await sealed(40);
    const { fetcher, connect } = createTestRequester(createMemorySealedFolder());
    const missing = Array.from({ length: 40 }, (_, i) => String(i).padStart(64, '0') as SealedName);
    for (const each of missing) void fetcher.fetch(each, { byteCount: 1 }).catch(() => undefined);
    connect('a', folder);
    await fetcher.fetch(name);
    expect(fetcher.status().map(({ waitsFor }) => waitsFor)).toEqual(missing.map(() => 'peer'));
    await fetcher.close();
  });

  test('large ones of unknown size make room once they are known', async () => {
    const large = await Promise.all(Array.from({ length: 17 }, (_, i) => sealed(40, i * 7)));
    const small = await sealed(1, 200);
    const mine = createMemorySealedFolder();
    const { fetcher, connect } = createTestRequester(mine);
    const finished: SealedName[] = [];
    const all = [...large, small].map(({ name }) => fetcher.fetch(name).then(() => finished.push(name)));
    connect('small', small.folder);
    for (const [i, { folder }] of large.entries()) connect(`large ${i}`, folder);
    await Promise.all(all);
    expect(finished).toHaveLength(18);
    expect(finished.indexOf(small.name)).toBeLessThan(17);
    await fetcher.close();
  });
});
