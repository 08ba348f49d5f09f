import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteSource } from '#core/platform/ports.ts';
import { countingRandom } from '#sync/log/testing/fixtures.ts';
import { recordSegment } from './seal-segment.ts';
import { verifySealed } from './sealed-file.ts';
import { LEAF_PLAIN_BYTES, sealedByteCount, sealedLayout } from './sealed-layout.ts';
import type { SealedName, SealedSegment } from './sealed-segment.ts';
import { createSealedSource, keepTreeOnly } from './sealed-source.ts';
import { createServedSegments } from './served-segments.ts';
import { createTestRequester } from './testing/federation.ts';
import { blake3, cipher, createHasher, fileBytes, plainBytes, sealBytes, sourceOf, tree } from './testing/fixtures.ts';
import { createMemorySealedFolder, type MemorySealedFolder } from './testing/memory-sealed-folder.ts';

const corrupt = expect.objectContaining({ code: 'SEGMENT_CORRUPT' });
const depsOf = (folder: MemorySealedFolder, firstKeyByte = 0) => ({
  folder,
  cipher,
  blake3,
  createHasher,
  random: countingRandom(firstKeyByte),
});

async function recorded(byteCount: number) {
  const folder = createMemorySealedFolder();
  const plain = plainBytes(byteCount);
  const segment = await recordSegment(depsOf(folder), sourceOf(plain));
  return { folder, plain, segment, treeName: `${segment.name}.tree` };
}

/** A source that counts what is read and whether it is closed. */
function watched(bytes: Uint8Array) {
  const seen = { readBytes: 0, isClosed: false };
  const source: ByteSource = {
    byteCount: bytes.length,
    async read(offset, byteCount) {
      seen.readBytes += byteCount;
      return bytes.slice(offset, offset + byteCount);
    },
    close: async () => void (seen.isClosed = true),
  };
  return { source, seen };
}

const sizes = [0, 1, LEAF_PLAIN_BYTES, LEAF_PLAIN_BYTES + 1, 5 * LEAF_PLAIN_BYTES + 99, 513 * LEAF_PLAIN_BYTES];

describe('a sealed file made from the opened segment', () => {
  test.each(sizes)('of %i bytes is the one that sealing writes, at any range', async (byteCount) => {
    const { folder, plain, segment, treeName } = await recorded(byteCount);
    const sealed = createMemorySealedFolder();
    expect(await sealBytes(sealed, plain)).toEqual(segment);
    const file = await fileBytes(sealed, segment.name);
    const layout = sealedLayout(sealedByteCount(byteCount))!;
    expect(folder.fileNames()).toEqual([treeName]);
    expect(Buffer.compare(folder.bytesOf(treeName), file.subarray(0, layout.leavesOffset))).toBe(0);

    const source = await createSealedSource(depsOf(folder), sourceOf(plain), segment);
    expect(source.byteCount).toBe(file.length);
    expect(Buffer.compare(await source.read(0, source.byteCount), file)).toBe(0);
    await verifySealed(tree, source, segment.name);
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length), fc.nat(3 * LEAF_PLAIN_BYTES), async (offset, wanted) => {
        const length = Math.min(wanted, file.length - offset);
        expect(Buffer.compare(await source.read(offset, length), file.subarray(offset, offset + length))).toBe(0);
      }),
      { numRuns: 40 },
    );
    await expect(source.read(file.length, 1)).rejects.toEqual(expect.objectContaining({ code: 'IO_FAILED' }));
    await source.close();
  });

  test('is that of the golden files', async () => {
    const folder = new URL('../../tests/golden/sealed-v1/', import.meta.url);
    for (const name of ['empty', 'one-byte', 'one-full-leaf', 'two-leaves']) {
      expect(existsSync(new URL(`${name}.sealed`, folder))).toBe(true);
      const golden = readFileSync(new URL(`${name}.sealed`, folder));
      const { byteCount } = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
      const { folder: mine, plain, segment } = await recorded(byteCount);
      const source = await createSealedSource(depsOf(mine), sourceOf(plain), segment);
      expect(Buffer.compare(await source.read(0, source.byteCount), golden)).toBe(0);
    }
  });

  test('reads of the segment what the leaves of the range need, and reads it once when the tree is lost', async () => {
    const { folder, plain, segment } = await recorded(20 * LEAF_PLAIN_BYTES);
    const { leavesOffset } = sealedLayout(sealedByteCount(plain.length))!;
    const first = watched(plain);
    const source = await createSealedSource(depsOf(folder), first.source, segment);
    await source.read(0, leavesOffset);
    expect(first.seen.readBytes).toBe(0);
    await source.read(leavesOffset + 5, 1);
    expect(first.seen.readBytes).toBe(LEAF_PLAIN_BYTES);
    await source.close();
    expect(first.seen.isClosed).toBe(true);

    await folder.remove(segment.name);
    for (const readBytes of [plain.length, 0]) {
      const again = watched(plain);
      await (await createSealedSource(depsOf(folder), again.source, segment)).close();
      expect(again.seen.readBytes).toBe(readBytes);
    }
  });

  test('a tree that is damaged at any bit, cut or longer is made again', async () => {
    const { folder, plain, segment, treeName } = await recorded(3 * LEAF_PLAIN_BYTES);
    const good = folder.bytesOf(treeName).slice();
    const open = async () => (await createSealedSource(depsOf(folder), sourceOf(plain), segment)).close();
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(7), async (place, bit) => {
        folder.bytesOf(treeName)[place]! ^= 1 << bit;
        await open();
        expect(folder.bytesOf(treeName)).toEqual(good);
      }),
    );
    for (const byteCount of [0, 5, 24, good.length - 1, good.length + 1]) {
      const draft = await folder.createDraft();
      await draft.write(0, good);
      await draft.publish(segment.name, byteCount, 'tree');
      await open();
      expect(folder.bytesOf(treeName)).toEqual(good);
    }
  });

  test('a segment that changed is never sealed with the same key', async () => {
    const { folder, plain, segment } = await recorded(3 * LEAF_PLAIN_BYTES);
    const { leavesOffset } = sealedLayout(sealedByteCount(plain.length))!;
    const changed = plain.slice();
    changed[LEAF_PLAIN_BYTES + 3]! ^= 1;
    const source = await createSealedSource(depsOf(folder), sourceOf(changed), segment);
    await source.read(leavesOffset, 10);
    await expect(source.read(leavesOffset + 16_384, 1)).rejects.toEqual(corrupt);

    await folder.remove(segment.name);
    await expect(createSealedSource(depsOf(folder), sourceOf(changed), segment)).rejects.toEqual(corrupt);
    await expect(createSealedSource(depsOf(folder), sourceOf(plain.subarray(1)), segment)).rejects.toEqual(corrupt);
    expect(folder.fileNames()).toEqual([]);
  });
});

describe('after a segment is opened elsewhere', () => {
  test.each(sizes)('its leaves go and its tree stays: %i bytes', async (byteCount) => {
    const folder = createMemorySealedFolder();
    const plain = plainBytes(byteCount);
    const segment = await sealBytes(folder, plain);
    await keepTreeOnly(folder, segment.name);
    await keepTreeOnly(folder, segment.name);
    expect(folder.fileNames()).toEqual([`${segment.name}.tree`]);
    const { source, seen } = watched(plain);
    await (await createSealedSource(depsOf(folder), source, segment)).close();
    expect(seen.readBytes).toBe(0);
  });

  test('a crash at any write leaves the sealed file, the tree or both', async () => {
    for (let writeCount = 0; writeCount < 3; writeCount++) {
      const folder = createMemorySealedFolder();
      const segment = await sealBytes(folder, plainBytes(100));
      folder.cutPowerAfter(writeCount);
      const done = await keepTreeOnly(folder, segment.name).then(
        () => true,
        () => false,
      );
      folder.crash(() => false);
      const left = folder.fileNames().filter((name) => !name.endsWith('.tmp'));
      if (!done) expect(left).toContain(`${segment.name}.sealed`);
      await keepTreeOnly(folder, segment.name);
      expect(await folder.openTree(segment.name)).toBeDefined();
    }
  });

  test('a damaged file keeps what it is', async () => {
    const folder = createMemorySealedFolder();
    const { name } = await sealBytes(folder, plainBytes(100));
    folder.bytesOf(`${name}.sealed`)[0]! ^= 1;
    await expect(keepTreeOnly(folder, name)).rejects.toEqual(corrupt);
    expect(folder.fileNames()).toEqual([`${name}.sealed`]);
  });
});

describe('what a node serves', () => {
  test('comes from the sealed folder, else from the opened segment, and nothing stays open', async () => {
    const { folder, plain, segment } = await recorded(40 * LEAF_PLAIN_BYTES + 3);
    const relayed = await sealBytes(folder, plainBytes(100), 99);
    let open = 0;
    const served = createServedSegments(depsOf(folder), async (name) => {
      if (name !== segment.name) return undefined;
      open += 1;
      const { source } = watched(plain);
      return { source: { ...source, close: async () => void (open -= 1) }, segment };
    });
    const mine = createMemorySealedFolder();
    const { fetcher, connect } = createTestRequester(mine);
    const channel = connect('author', { ...folder, ...served });
    await fetcher.fetch(segment.name, segment);
    await fetcher.fetch(relayed.name);
    expect(open).toBe(1);
    for (const { name } of [segment, relayed]) await verifySealed(tree, (await mine.open(name))!, name);
    expect(await served.open('0'.repeat(64) as SealedName)).toBeUndefined();
    await fetcher.close();
    channel.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(open).toBe(0);
  });

  test('without a tree is read once for all who ask, and a changed segment is closed again', async () => {
    const { folder, plain, segment } = await recorded(40 * LEAF_PLAIN_BYTES);
    await folder.remove(segment.name);
    const { source, seen } = watched(plain);
    const find = (found: SealedSegment) =>
      createServedSegments(depsOf(folder), async () => ({ source, segment: found }));
    const { open } = find(segment);
    await Promise.all([open(segment.name), open(segment.name), open(segment.name)]);
    expect(seen).toEqual({ readBytes: plain.length, isClosed: false });
    await expect(find({ ...segment, byteCount: 5 }).open(segment.name)).rejects.toEqual(corrupt);
    expect(seen.isClosed).toBe(true);
  });
});
