import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resumePartial } from './partial-segment.ts';
import { openSealedFile, verifySealed } from './sealed-file.ts';
import { LEAF_PLAIN_BYTES } from './sealed-layout.ts';
import type { SealedName, SealedSegment } from './sealed-segment.ts';
import { SEGMENT_FRAMES } from './frames.ts';
import { createTestRequester, settle } from './testing/federation.ts';
import { fileBytes, plainBytes, sealBytes, tree } from './testing/fixtures.ts';
import { createMemorySealedFolder, type MemorySealedFolder } from './testing/memory-sealed-folder.ts';

const LEAF = SEGMENT_FRAMES.leaf.code;
const isLeaf = (frame: Uint8Array) => frame[0] === LEAF;

async function sealed(leafCount: number, firstKeyByte = 0) {
  const folder = createMemorySealedFolder();
  const record = await sealBytes(folder, plainBytes(leafCount * LEAF_PLAIN_BYTES - 7), firstKeyByte);
  return { folder, record, name: record.name, leafCount };
}

async function expectSame(left: MemorySealedFolder, right: MemorySealedFolder, name: SealedName) {
  expect(Buffer.compare(await fileBytes(left, name), await fileBytes(right, name))).toBe(0);
  expect(left.fileNames()).toContain(`${name}.sealed`);
  expect(left.fileNames()).not.toContain(`${name}.partial`);
}

const sum = (counts: Record<string, number>, event: string) =>
  Object.entries(counts)
    .filter(([key]) => key.endsWith(` ${event}`))
    .reduce((total, [, count]) => total + count, 0);

/** Leaves of a segment of one page that a folder has a mark of, and as they should be. */
async function trueMarks(folder: MemorySealedFolder, name: SealedName, leafHashes: Uint8Array): Promise<number> {
  const unchanged = async () => ({ ...(await folder.openPartial(name)), write: async () => undefined });
  const partial = await resumePartial(tree, unchanged, name);
  await partial?.checkPage(0, leafHashes);
  return partial?.have.count ?? 0;
}

/** Gives the same segments to a folder of another peer. */
async function copyTo(source: MemorySealedFolder, names: readonly SealedName[]) {
  const copy = createMemorySealedFolder();
  for (const name of names) {
    const draft = await copy.createDraft();
    const bytes = await fileBytes(source, name);
    await draft.write(0, bytes);
    await draft.publish(name, bytes.length);
  }
  return copy;
}

describe('one peer', () => {
  test('that did not have a segment is asked again', async () => {
    const { folder, record, name } = await sealed(3);
    const [mine, theirs] = [createMemorySealedFolder(), createMemorySealedFolder()];
    const { fetcher, connect } = createTestRequester(mine);
    connect('a', theirs);
    const fetching = fetcher.fetch(name, { byteCount: record.byteCount });
    await settle();
    expect(fetcher.status()).toMatchObject([{ waitsFor: 'peer' }]);
    const draft = await theirs.createDraft();
    const bytes = await fileBytes(folder, name);
    await draft.write(0, bytes);
    await draft.publish(name, bytes.length);
    fetcher.askAgain();
    await fetching;
    await expectSame(mine, folder, name);
  });

  test.each([1, 2, 31, 513, 1100])('%i leaves arrive, each sent once', async (leafCount) => {
    const { folder, record, name } = await sealed(leafCount);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, serveCounts, fetchCounts } = createTestRequester(mine);
    connect('a', folder);
    await fetcher.fetch(name, { byteCount: record.byteCount });
    await expectSame(mine, folder, name);
    expect(serveCounts).toEqual({ 'a leaf-sent': leafCount });
    expect(fetchCounts).toEqual({ 'a leaf-stored': leafCount });
    await fetcher.fetch(name);
    expect(serveCounts).toEqual({ 'a leaf-sent': leafCount });
    await fetcher.close();
  });

  test('a peer may come later, and a peer that may not serve is one that has nothing', async () => {
    const { folder, name } = await sealed(3);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, fetchCounts } = createTestRequester(mine);
    const done = fetcher.fetch(name);
    await settle();
    expect(fetcher.status()).toEqual([
      { name, urgency: 'background', haveBytes: 0, byteCount: undefined, waitsFor: 'peer' },
    ]);
    connect('empty', createMemorySealedFolder());
    connect('closed', folder, { mayServe: () => false });
    await settle();
    expect(fetcher.status()[0]?.waitsFor).toBe('peer');
    expect(fetchCounts).toEqual({ 'empty unavailable': 1, 'closed unavailable': 1 });
    connect('closed', folder);
    await done;
    expect(fetcher.status()).toEqual([]);
    await fetcher.close();
  });

  test('permission that is withdrawn ends the serving at the next request', async () => {
    const { folder, name, leafCount } = await sealed(200);
    const mine = createMemorySealedFolder();
    const { fetcher, connect, fetchCounts } = createTestRequester(mine);
    let asked = 0;
    connect('a', folder, { mayServe: () => asked++ < 6 });
    void fetcher.fetch(name).catch(() => undefined);
    await settle(300);
    expect(fetchCounts['a leaf-stored']).toBeLessThan(leafCount);
    expect(fetcher.status()[0]?.waitsFor).toBe('peer');
    await fetcher.close();
  });

  test('whoever comes after the end is told so', async () => {
    const { folder, name } = await sealed(1);
    const { fetcher, connect } = createTestRequester(createMemorySealedFolder());
    const started = fetcher.fetch(name);
    const cancelled = expect.objectContaining({ code: 'CANCELLED' });
    const [first] = await Promise.allSettled([started, fetcher.close()]);
    expect(first).toEqual({ status: 'rejected', reason: cancelled });
    await expect(fetcher.fetch(name)).rejects.toEqual(cancelled);
    await expect(connect('late', folder).send(new Uint8Array(5))).rejects.toThrow('closed');
  });

  test('a record that names another size is refused before a leaf is asked for', async () => {
    const { folder, name, record } = await sealed(3);
    const { fetcher, connect, serveCounts } = createTestRequester(createMemorySealedFolder());
    connect('a', folder);
    const wrong = fetcher.fetch(name, { byteCount: record.byteCount + 1 });
    await expect(wrong).rejects.toEqual(expect.objectContaining({ code: 'SEGMENT_CORRUPT' }));
    expect(serveCounts).toEqual({});
    await fetcher.close();
  });
});

describe('a transfer that was stopped', () => {
  test('goes on with the next leaf, wherever it was stopped', async () => {
    const { folder, name, leafCount } = await sealed(40);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: leafCount + 2 }), async (frameCount) => {
        const mine = createMemorySealedFolder();
        const first = createTestRequester(mine);
        let passed = 0;
        const cut = first.connect('a', folder, {
          toRequester: (frame) => {
            if (passed++ === frameCount) cut.close();
            return frame;
          },
        });
        void first.fetcher.fetch(name).catch(() => undefined);
        await settle(80);
        await first.fetcher.close();
        const stored = first.fetchCounts['a leaf-stored'] ?? 0;
        const second = createTestRequester(mine);
        second.connect('a', folder);
        await second.fetcher.fetch(name);
        await second.fetcher.close();
        expect(second.serveCounts['a leaf-sent'] ?? 0).toBe(leafCount - stored);
        await expectSame(mine, folder, name);
      }),
      { numRuns: 40 },
    );
  });

  test('by a power loss asks again for exactly what the disk lost', async () => {
    const { folder, name, leafCount } = await sealed(40);
    const leafHashes = await (await openSealedFile((await folder.open(name))!, name)).readPage(0);
    await fc.assert(
      fc.asyncProperty(fc.nat(2 * leafCount + 3), fc.infiniteStream(fc.boolean()), async (writeCount, kept) => {
        const mine = createMemorySealedFolder();
        const first = createTestRequester(mine);
        first.connect('a', folder);
        mine.cutPowerAfter(writeCount);
        await first.fetcher.fetch(name).catch((error: { code: string }) => expect(error.code).toBe('IO_FAILED'));
        await first.fetcher.close();
        mine.crash(() => kept.next().value);
        const left = mine.fileNames().includes(`${name}.sealed`) ? leafCount : await trueMarks(mine, name, leafHashes);
        const second = createTestRequester(mine);
        second.connect('a', folder);
        await second.fetcher.fetch(name);
        await second.fetcher.close();
        expect(second.serveCounts['a leaf-sent'] ?? 0).toBe(leafCount - left);
        await expectSame(mine, folder, name);
      }),
      { numRuns: 60 },
    );
  });

  test('by its caller keeps what it has, and others that wait for it go on', async () => {
    const { folder, name } = await sealed(40);
    const mine = createMemorySealedFolder();
    const { fetcher, connect } = createTestRequester(mine);
    const controller = new AbortController();
    const first = fetcher.fetch(name, { signal: controller.signal });
    const second = fetcher.fetch(name);
    controller.abort();
    await expect(first).rejects.toEqual(expect.objectContaining({ code: 'CANCELLED' }));
    connect('a', folder);
    await second;
    await fetcher.close();
  });

  test('a full disk fails that segment and no other', async () => {
    const { folder, name } = await sealed(3);
    const other = await sealed(2, 50);
    const mine = createMemorySealedFolder();
    const failing = {
      ...mine,
      openPartial: async (wanted: SealedName) => {
        const draft = await mine.openPartial(wanted);
        return wanted === name ? { ...draft, write: () => Promise.reject(new Error('no space')) } : draft;
      },
    };
    const { fetcher, connect } = createTestRequester(failing);
    connect('a', folder);
    connect('b', other.folder);
    const [first, second] = await Promise.allSettled([fetcher.fetch(name), fetcher.fetch(other.name)]);
    expect([first!.status, second!.status]).toEqual(['rejected', 'fulfilled']);
    await fetcher.close();
  });
});

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

test('a relay without a key verifies, holds nothing readable, and serves what it has', async () => {
  const source = await sealed(50);
  const relay = createMemorySealedFolder();
  const up = createTestRequester(relay);
  up.connect('author', source.folder);
  await up.fetcher.fetch(source.name);
  await up.fetcher.close();
  await verifySealed(tree, (await relay.open(source.name))!, source.name);
  const disk = Buffer.concat(relay.fileNames().map((fileName) => relay.bytesOf(fileName)));
  const plain = Buffer.from(plainBytes(50 * LEAF_PLAIN_BYTES));
  expect(plain.includes('line 0000')).toBe(true);
  for (let offset = 0; offset < plain.length - 8; offset += 1000) {
    expect(disk.indexOf(plain.subarray(offset, offset + 8))).toBe(-1);
  }
  const mine = createMemorySealedFolder();
  const down = createTestRequester(mine);
  down.connect('relay', relay);
  await down.fetcher.fetch(source.name);
  await expectSame(mine, source.folder, source.name);
  await openSealedFile((await mine.open(source.name))!, source.name);
  await down.fetcher.close();
});
