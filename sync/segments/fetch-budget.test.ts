import { describe, expect, test } from 'vitest';
import { chooseActive, SMALL_PLACES, TRANSFERS_OPEN_MAX } from './choose-active.ts';
import { createDiskBudget, partialFileBytes } from './disk-budget.ts';
import { SEGMENT_FRAMES } from './frames.ts';
import { LEAF_BYTES, LEAF_PLAIN_BYTES } from './sealed-layout.ts';
import type { SealedName, SealedSegment } from './sealed-segment.ts';
import { createTestRequester, settle } from './testing/federation.ts';
import { plainBytes, sealBytes } from './testing/fixtures.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';
import { createWanted, type Wanted } from './wanted.ts';

const source = createMemorySealedFolder();
const sealed = (leafCount: number, firstKeyByte = 0) =>
  sealBytes(source, plainBytes(leafCount * LEAF_PLAIN_BYTES), firstKeyByte);
const diskBytes = ({ byteCount }: SealedSegment) =>
  partialFileBytes(createWanted('' as SealedName, 'background', { byteCount }).expectedBytes!);

const wantedOf = (name: string, urgency: Wanted['urgency'], leafCount: number, wholeLeaves?: number) =>
  createWanted(name as SealedName, urgency, {
    byteCount: leafCount * LEAF_PLAIN_BYTES,
    wholeBytes: wholeLeaves === undefined ? undefined : wholeLeaves * LEAF_PLAIN_BYTES,
  });

describe('bytes a second', () => {
  test('are kept over all peers together, and used', async () => {
    const bytesPerSecond = 5 * LEAF_BYTES;
    const { name } = await sealed(60);
    const { fetcher, connect, time } = createTestRequester(createMemorySealedFolder(), { bytesPerSecond });
    let received = 0;
    const toRequester = (frame: Uint8Array) => {
      received += frame.length;
      return frame;
    };
    for (const peerId of ['a', 'b', 'c']) connect(peerId, source, { toRequester });
    let isDone = false;
    void fetcher.fetch(name).then(() => (isDone = true));
    await settle();
    let milliseconds = 0;
    let waited = 0;
    for (; !isDone && milliseconds < 60_000; milliseconds += 250) {
      // Frames beyond a leaf are counted as they come: nine bytes of each that is under way.
      expect(received).toBeLessThanOrEqual((1 + milliseconds / 1000) * bytesPerSecond + 64 * 9);
      waited += fetcher.status()[0]?.waitsFor === 'budget' ? 1 : 0;
      await time.pass(250);
    }
    expect(isDone).toBe(true);
    expect(waited).toBeGreaterThan(10);
    // 60 leaves, a root and a page at 5 leaves a second, a second's worth ahead.
    expect(milliseconds).toBeGreaterThan(10_000);
    expect(milliseconds).toBeLessThan(14_500);
    await fetcher.close();
  });

  test('that are none stop the transfers without stopping anything else', async () => {
    const { name } = await sealed(30);
    const { fetcher, connect, time, fetchCounts } = createTestRequester(createMemorySealedFolder(), {
      bytesPerSecond: 0,
    });
    connect('a', source);
    void fetcher.fetch(name).catch(() => undefined);
    for (let i = 0; i < 20; i++) await time.pass(1000);
    expect(fetchCounts['a leaf-stored']).toBeUndefined();
    expect(fetcher.status()).toMatchObject([{ waitsFor: 'budget' }]);
    await fetcher.close();
  });

  test('that a peer refused or left owing are given back', async () => {
    const { name } = await sealed(20);
    const bytesPerSecond = 40 * LEAF_BYTES;
    const { fetcher, connect } = createTestRequester(createMemorySealedFolder(), { bytesPerSecond });
    for (let i = 0; i < 60; i++) connect(`empty ${i}`, createMemorySealedFolder());
    const leaving = connect('leaving', source, {
      toRequester: (frame) => {
        if (frame[0] === SEGMENT_FRAMES.leaf.code) leaving.close();
        return frame;
      },
    });
    const done = fetcher.fetch(name);
    await settle(100);
    connect('honest', source);
    // No time passes: what is left of the first second is enough.
    await done;
    await fetcher.close();
  });
});

describe('bytes on the disk', () => {
  test('are kept by files that are being received; what has no place says so and comes later', async () => {
    const segments = [await sealed(10, 1), await sealed(20, 2), await sealed(30, 3), await sealed(5, 4)];
    const mine = createMemorySealedFolder();
    const partialBytes = diskBytes(segments[0]!) + diskBytes(segments[1]!);
    const { fetcher, connect } = createTestRequester(mine, { partialBytes });
    let most = 0;
    connect('a', source, {
      toRequester: async (frame) => {
        const now = (await mine.listPartials()).reduce((total, { byteCount }) => total + byteCount, 0);
        most = Math.max(most, now);
        await settle(2);
        return frame;
      },
    });
    const all = segments.map((segment) => fetcher.fetch(segment.name, segment));
    await settle(20);
    expect(fetcher.status().map(({ waitsFor }) => waitsFor)).toContain('disk');
    await Promise.all(all);
    expect(most).toBeLessThanOrEqual(partialBytes);
    expect(most).toBeGreaterThan(0);
    await fetcher.close();
  });

  test('are found to be too few when sizes are learned, and roots are not asked for without end', async () => {
    const segments = [];
    for (let i = 0; i < 4; i++) segments.push(await sealed(10, i + 1));
    const mine = createMemorySealedFolder();
    const partialBytes = diskBytes(segments[0]!) + 100_000;
    const { fetcher, connect } = createTestRequester(mine, { partialBytes });
    let rootsAsked = 0;
    let most = 0;
    connect('a', source, {
      toServer: (frame) => {
        if (frame[0] === SEGMENT_FRAMES['get-root'].code) rootsAsked += 1;
        return frame;
      },
      toRequester: async (frame) => {
        await settle(3);
        if (frame[0] === SEGMENT_FRAMES.leaf.code) most = Math.max(most, (await mine.listPartials()).length);
        return frame;
      },
    });
    await Promise.all(segments.map(({ name }) => fetcher.fetch(name)));
    expect(rootsAsked).toBeLessThanOrEqual(2 * segments.length);
    expect(most).toBe(1);
    await fetcher.close();
    expect(mine.fileNames()).toEqual(segments.map(({ name }) => `${name}.sealed`).sort());
  });

  test('are refused to a segment that alone is over them, whether its size was told or learned', async () => {
    const { name, byteCount } = await sealed(10, 1);
    const limit = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });
    const mine = createMemorySealedFolder();
    const { fetcher, connect, serveCounts } = createTestRequester(mine, { partialBytes: 100_000 });
    connect('a', source);
    await expect(fetcher.fetch(name, { byteCount })).rejects.toEqual(limit);
    await expect(fetcher.fetch(name)).rejects.toEqual(limit);
    expect(serveCounts).toEqual({});
    await fetcher.close();
    expect(mine.fileNames()).toEqual([]);
  });

  test('go to what is waited for from files that nobody waits for', async () => {
    const [left, wanted] = [await sealed(10, 1), await sealed(12, 2)];
    const mine = createMemorySealedFolder();
    const draft = await mine.openPartial(left.name);
    await draft.resize(diskBytes(left));
    await draft.close();
    const { fetcher, connect } = createTestRequester(mine, { partialBytes: diskBytes(wanted) + 10 });
    connect('a', source);
    await fetcher.fetch(wanted.name, wanted);
    expect(mine.fileNames()).toEqual([`${wanted.name}.sealed`]);
    // It can be fetched all the same.
    await fetcher.fetch(left.name, left);
    await fetcher.close();
  });

  test('stay with a file that is waited for before, also while no peer has it', () => {
    const [before, after] = [wantedOf('before', 'person', 10), wantedOf('after', 'background', 5)];
    const disk = createDiskBudget(partialFileBytes(before.expectedBytes!) + 10);
    disk.hold(before.name, partialFileBytes(before.expectedBytes!));
    const has = (wanted: Wanted) => (wanted === before ? 'never' : 'soon');
    const overDisk = new Set([after]);
    expect(chooseActive([before, after], has, disk)).toEqual({ chosen: [], abandoned: [], overDisk });
    // The other way round the file behind goes.
    before.urgency = 'background';
    after.urgency = 'person';
    const choice = { chosen: [after], abandoned: ['before'], overDisk: new Set() };
    expect(chooseActive([after, before], has, disk)).toEqual(choice);
  });

  test('go from what only silent peers may have to what another one has', () => {
    const [silent, after] = [wantedOf('silent', 'person', 10), wantedOf('after', 'background', 5)];
    const disk = createDiskBudget(partialFileBytes(silent.expectedBytes!) + 10);
    disk.hold(silent.name, partialFileBytes(silent.expectedBytes!));
    const chanceOf = (wanted: Wanted) => (wanted === silent ? 'late' : 'soon');
    const { chosen, abandoned } = chooseActive([silent, after], chanceOf, disk);
    expect([chosen, abandoned]).toEqual([[after], ['silent']]);
  });
});

describe('the order', () => {
  test('is what a person asked for, then what belongs to small things, then to large ones', async () => {
    const { fetcher } = createTestRequester(createMemorySealedFolder());
    const byteCount = 100;
    const fetch = (digit: string, options: object) =>
      void fetcher.fetch(digit.repeat(64) as SealedName, options).catch(() => undefined);
    fetch('a', { byteCount, wholeBytes: 1e9 });
    fetch('b', { byteCount });
    fetch('c', { byteCount: 5000, urgency: 'person' });
    fetch('d', { byteCount: 200 });
    fetch('e', { byteCount: 2000, urgency: 'person' });
    await settle(2);
    const order = () => fetcher.status().map(({ name }) => name[0]);
    expect(order()).toEqual(['e', 'c', 'b', 'd', 'a']);
    fetch('a', { urgency: 'person' });
    await settle(2);
    expect(order()).toEqual(['e', 'c', 'a', 'b', 'd']);
    await fetcher.close();
  });

  test('keeps places for small ones beside any number of large ones that a person asked for', () => {
    const large = Array.from({ length: 40 }, (_, i) => wantedOf(`large ${i}`, 'person', 100, 4000));
    const small = Array.from({ length: 10 }, (_, i) => wantedOf(`small ${i}`, 'background', 1));
    const disk = createDiskBudget(Number.POSITIVE_INFINITY);
    const { chosen } = chooseActive([...large, ...small], () => 'soon', disk);
    expect(chosen).toEqual([...large.slice(0, TRANSFERS_OPEN_MAX - SMALL_PLACES), ...small.slice(0, SMALL_PLACES)]);
    expect(chooseActive(large, () => 'soon', disk).chosen).toEqual(large.slice(0, TRANSFERS_OPEN_MAX));
    expect(chooseActive(small, () => 'soon', disk).chosen).toEqual(small);
  });

  test('gives a share of the line to small ones while a person waits for a large one', async () => {
    const [large, small] = [await sealed(900, 1), await sealed(20, 2)];
    const { fetcher, connect, fetchCounts } = createTestRequester(createMemorySealedFolder());
    connect('a', source);
    const first = fetcher.fetch(large.name, { ...large, urgency: 'person' });
    await fetcher.fetch(small.name, small);
    expect(fetchCounts['a leaf-stored']).toBeLessThan(500);
    await first;
    await fetcher.close();
  });
});
