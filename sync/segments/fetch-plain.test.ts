import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { concatBytes, type SegmentHash } from '#core/kernel/index.ts';
import { temporaryFolder } from '#tests/support/granary.ts';
import { createNodeSealedFolder } from './adapters/node-sealed-folder.ts';
import { createNodeStorePlain } from './adapters/node-store-plain.ts';
import { FETCH_ATTEMPTS_MAX, fetchPlain } from './fetch-plain.ts';
import { SEGMENT_FRAMES } from './frames.ts';
import type { SealedFolder, StorePlain } from './ports.ts';
import { LEAF_PLAIN_BYTES, leafOffset, sealedByteCount, sealedLayout } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';
import { createServedSegments } from './served-segments.ts';
import { createTestRequester } from './testing/federation.ts';
import { blake3, cipher, createHasher, plainBytes, sealBytes, sourceOf } from './testing/fixtures.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

const BYTES = 40 * LEAF_PLAIN_BYTES - 9;

async function fetching(folder: SealedFolder = createMemorySealedFolder()) {
  const source = createMemorySealedFolder();
  const plain = plainBytes(BYTES);
  const segment = await sealBytes(source, plain);
  const requester = createTestRequester(folder);
  const stored = new Map<SegmentHash, Uint8Array>();
  const damaged: SealedName[] = [];
  const storePlain: StorePlain = async ({ hash }, pieces) => {
    stored.set(hash, concatBytes(await Array.fromAsync(pieces)));
  };
  const deps = {
    folder,
    cipher,
    blake3,
    createHasher,
    fetcher: requester.fetcher,
    storePlain,
    onDamaged: (name: SealedName) => damaged.push(name),
  };
  return { ...requester, source, plain, segment, deps, stored, damaged };
}

test('a fetched segment is opened into its store, leaves its tree, and is served on from there', async () => {
  await using temporary = await temporaryFolder();
  const [sealedPath, plainPath] = [join(temporary.path, 'sealed'), join(temporary.path, 'plain')];
  for (const path of [sealedPath, plainPath]) await mkdir(path);
  const folder = createNodeSealedFolder(sealedPath);
  const { deps, segment, plain, source, connect, fetcher } = await fetching(folder);
  connect('author', source);
  await fetchPlain({ ...deps, storePlain: createNodeStorePlain((hash) => join(plainPath, `${hash}.webm`)) }, segment, {
    urgency: 'person',
  });
  expect(await readdir(plainPath)).toEqual([`${segment.hash}.webm`]);
  expect(await readdir(sealedPath)).toEqual([`${segment.name}.tree`]);
  expect(Buffer.compare(await readFile(join(plainPath, `${segment.hash}.webm`)), plain)).toBe(0);
  await fetcher.close();

  const next = await fetching();
  const served = createServedSegments(deps, async () => ({ source: sourceOf(plain), segment }));
  next.connect('holder', { ...folder, ...served });
  await fetchPlain(next.deps, segment);
  expect(Buffer.compare(next.stored.get(segment.hash)!, plain)).toBe(0);
  await next.fetcher.close();
});

test('what goes wrong on the way is fetched from another peer, and its sender is blamed', async () => {
  const { deps, segment, source, stored, damaged, connect, fetchCounts, fetcher } = await fetching();
  connect('liar', source, {
    toRequester: (frame) => {
      if (frame[0] === SEGMENT_FRAMES.leaf.code) frame[100]! ^= 1;
      return frame;
    },
  });
  connect('honest', source);
  await fetchPlain(deps, segment);
  expect(fetchCounts).toMatchObject({ 'liar leaf-wrong': 1, 'honest leaf-stored': 40 });
  expect([...stored.keys()]).toEqual([segment.hash]);
  expect(damaged).toEqual([]);
  await fetcher.close();
});

test('what the disk damages is fetched again, and given up when it does so always', async () => {
  for (const damageCount of [1, FETCH_ATTEMPTS_MAX]) {
    const memory = createMemorySealedFolder();
    let left = damageCount;
    const leaf = leafOffset(sealedLayout(sealedByteCount(BYTES))!, 3);
    const folder: SealedFolder = {
      ...memory,
      open: async (name) => {
        const file = await memory.open(name);
        if (file && left-- > 0) memory.bytesOf(`${name}.sealed`)[leaf]! ^= 1;
        return file;
      },
    };
    const { deps, segment, source, stored, damaged, connect, fetcher } = await fetching(folder);
    connect('author', source);
    const done = fetchPlain(deps, segment);
    if (damageCount === 1) {
      await done;
      expect(stored.size).toBe(1);
      expect(memory.fileNames()).toEqual([`${segment.name}.tree`]);
    } else {
      await expect(done).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT', details: { fault: 'disk' } });
      expect(stored.size).toBe(0);
      expect(memory.fileNames()).toEqual([]);
    }
    expect(damaged).toEqual(Array.from({ length: damageCount }, () => segment.name));
    await fetcher.close();
  }
});

test('a record that names another segment is its author’s fault: no peer is blamed, nothing is fetched again', async () => {
  const { deps, segment, source, stored, damaged, connect, serveCounts, fetcher } = await fetching();
  connect('author', source);
  const lying = { ...segment, hash: '0'.repeat(64) as SegmentHash };
  await expect(fetchPlain(deps, lying)).rejects.toMatchObject({
    code: 'SEGMENT_CORRUPT',
    details: { fault: 'record', segment: segment.name },
  });
  expect(serveCounts).toEqual({ 'author leaf-sent': 40 });
  expect([stored.size, damaged.length]).toEqual([0, 0]);
  await fetchPlain(deps, segment);
  expect(serveCounts).toEqual({ 'author leaf-sent': 40 });
  await fetcher.close();
});

test('a store that fails keeps the sealed file for the next time; pieces that fail leave no file', async () => {
  const { deps, segment, source, connect, fetcher } = await fetching();
  connect('author', source);
  const failing = { ...deps, storePlain: () => Promise.reject(new Error('no space')) };
  await expect(fetchPlain(failing, segment)).rejects.toThrow('no space');
  expect(await deps.folder.open(segment.name)).toBeDefined();
  await fetcher.close();

  await using temporary = await temporaryFolder();
  const store = createNodeStorePlain((hash) => join(temporary.path, hash));
  async function* broken() {
    yield plainBytes(100);
    throw new Error('cut off');
  }
  await expect(store(segment, broken(), {})).rejects.toThrow('cut off');
  expect(await readdir(temporary.path)).toEqual([]);
});
