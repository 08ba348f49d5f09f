import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openSealedFile } from './sealed-file.ts';
import type { SealedName } from './sealed-segment.ts';
import { createTestRequester, settle } from './testing/federation.ts';
import { sealed, expectSame, trueMarks } from './testing/fetch-world.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

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
