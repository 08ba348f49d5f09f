import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, type SegmentHash } from '#core/kernel/index.ts';
import { openSealed, unsealSegment } from './open-sealed.ts';
import { sealSegment } from './seal-segment.ts';
import { openSealedFile, verifySealed } from './sealed-file.ts';
import { LEAF_BYTES, LEAF_PLAIN_BYTES, leafOffset, sealedByteCount, sealedLayout } from './sealed-layout.ts';
import { decodeSealedSegment, encodeSealedSegment, type SealedSegment } from './sealed-segment.ts';
import { blake3, cipher, createHasher, plainBytes, sealBytes, sourceOf, tree } from './testing/fixtures.ts';
import { createMemorySealedFolder, type MemorySealedFolder } from './testing/memory-sealed-folder.ts';

const corrupt = expect.objectContaining({ code: 'SEGMENT_CORRUPT' });

const unseal = async (folder: MemorySealedFolder, record: SealedSegment) =>
  concatBytes(
    await Array.fromAsync(unsealSegment({ cipher, createHasher }, (await folder.open(record.name))!, record)),
  );

const verify = async (folder: MemorySealedFolder, { name }: SealedSegment) =>
  verifySealed(tree, (await folder.open(name))!, name);

/** Sizes around the ends of leaves, of batches and of a page. */
const sizes = [
  0,
  1,
  15,
  16,
  17,
  LEAF_PLAIN_BYTES - 1,
  LEAF_PLAIN_BYTES,
  LEAF_PLAIN_BYTES + 1,
  LEAF_PLAIN_BYTES * 16 + 5,
];

test.each([...sizes, LEAF_PLAIN_BYTES * 512, LEAF_PLAIN_BYTES * 512 + 1])(
  '%i bytes come back as they went in, and the file is one leaf hash a leaf larger',
  async (byteCount) => {
    const folder = createMemorySealedFolder();
    const plain = plainBytes(byteCount);
    const record = await sealBytes(folder, plain);
    expect(folder.fileNames()).toEqual([`${record.name}.sealed`]);
    await verify(folder, record);
    expect(Buffer.compare(await unseal(folder, record), plain)).toBe(0);
    expect(decodeSealedSegment(encodeSealedSegment(record))).toEqual(record);
    const layout = sealedLayout(sealedByteCount(byteCount))!;
    expect((await folder.open(record.name))!.byteCount).toBe(layout.fileBytes);
  },
);

test('any range is read from the leaves it lies in alone', async () => {
  const folder = createMemorySealedFolder();
  const plain = plainBytes(5 * LEAF_PLAIN_BYTES + 100);
  const record = await sealBytes(folder, plain);
  const source = (await folder.open(record.name))!;
  const { layout } = await openSealedFile(source, record.name);
  const read: number[] = [];
  const watched = {
    ...source,
    read(offset: number, byteCount: number) {
      for (let i = offset; i < offset + byteCount; i += LEAF_BYTES) {
        if (i >= layout.leavesOffset) read.push((i - layout.leavesOffset) / LEAF_BYTES);
      }
      return source.read(offset, byteCount);
    },
  };
  const opened = await openSealed(cipher, watched, record);
  await fc.assert(
    fc.asyncProperty(fc.nat(plain.length), fc.nat(3 * LEAF_PLAIN_BYTES), async (offset, wanted) => {
      const length = Math.min(wanted, plain.length - offset);
      read.length = 0;
      expect(Buffer.compare(await opened.read(offset, length), plain.subarray(offset, offset + length))).toBe(0);
      const first = Math.floor(offset / LEAF_PLAIN_BYTES);
      const end = length === 0 ? first : Math.ceil((offset + length) / LEAF_PLAIN_BYTES);
      expect(read).toEqual(Array.from({ length: end - first }, (_, i) => first + i));
    }),
  );
  await expect(opened.read(plain.length, 1)).rejects.toEqual(expect.objectContaining({ code: 'IO_FAILED' }));
});

test('a changed bit is found by the tree, and in a leaf by its tag as well', async () => {
  const folder = createMemorySealedFolder();
  const record = await sealBytes(folder, plainBytes(2 * LEAF_PLAIN_BYTES + 7));
  const bytes = folder.bytesOf(`${record.name}.sealed`);
  const { leavesOffset } = sealedLayout(sealedByteCount(record.byteCount))!;
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (place, bit) => {
      bytes[place]! ^= 1 << bit;
      try {
        await expect(verify(folder, record)).rejects.toEqual(corrupt);
        if (place >= leavesOffset) await expect(unseal(folder, record)).rejects.toEqual(corrupt);
      } finally {
        bytes[place]! ^= 1 << bit;
      }
    }),
  );
  await verify(folder, record);
});

test('leaves that are exchanged, repeated or cut off do not open, even where no tree is looked at', async () => {
  const folder = createMemorySealedFolder();
  const record = await sealBytes(folder, plainBytes(4 * LEAF_PLAIN_BYTES));
  const original = folder.bytesOf(`${record.name}.sealed`).slice();
  const layout = sealedLayout(sealedByteCount(record.byteCount))!;
  const at = (leaf: number) => original.subarray(leafOffset(layout, leaf), leafOffset(layout, leaf) + LEAF_BYTES);
  for (const order of [
    [1, 0, 2, 3],
    [0, 0, 2, 3],
    [0, 1, 2, 2],
    [0, 1, 3, 2],
  ]) {
    folder.bytesOf(`${record.name}.sealed`).set(concatBytes(order.map(at)), layout.leavesOffset);
    await expect(unseal(folder, record)).rejects.toEqual(corrupt);
  }
  // A shorter file, made to look whole: its last leaf was not sealed as a last one.
  const shorter = sealedLayout(3 * LEAF_BYTES)!;
  const head = new Uint8Array(shorter.leavesOffset);
  head.set(original.subarray(0, 16));
  new DataView(head.buffer).setBigUint64(16, BigInt(shorter.byteCount));
  const cut = concatBytes([head, at(0), at(1), at(2)]);
  const lying = { ...record, byteCount: 3 * LEAF_PLAIN_BYTES };
  const pieces = Array.fromAsync(unsealSegment({ cipher, createHasher }, sourceOf(cut), lying));
  await expect(pieces).rejects.toThrow('leaf 2 does not open');
  await expect(unsealSegment({ cipher, createHasher }, sourceOf(cut), record).next()).rejects.toEqual(corrupt);
});

test('another key, another size and another hash in the record are refused', async () => {
  for (const byteCount of [0, 1000]) {
    const folder = createMemorySealedFolder();
    const record = await sealBytes(folder, plainBytes(byteCount));
    await expect(unseal(folder, { ...record, key: new Uint8Array(32) })).rejects.toEqual(corrupt);
    await expect(unseal(folder, { ...record, byteCount: byteCount + 1 })).rejects.toEqual(corrupt);
    await expect(unseal(folder, { ...record, hash: '0'.repeat(64) as SegmentHash })).rejects.toEqual(corrupt);
  }
});

test('the same bytes sealed twice have nothing in common', async () => {
  const folder = createMemorySealedFolder();
  const first = await sealBytes(folder, plainBytes(100), 0);
  const second = await sealBytes(folder, plainBytes(100), 77);
  expect(first.hash).toBe(second.hash);
  expect(first.name).not.toBe(second.name);
});

test('a segment over the limit and a source that fails leave nothing behind', async () => {
  const folder = createMemorySealedFolder();
  const huge = { byteCount: 2 ** 36, read: async () => new Uint8Array(), close: async () => undefined };
  const random = { bytes: (byteCount: number) => new Uint8Array(byteCount) };
  const deps = { folder, cipher, blake3, createHasher, random };
  await expect(sealSegment(deps, huge)).rejects.toEqual(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  const broken = { ...huge, byteCount: 10, read: () => Promise.reject(new Error('gone')) };
  await expect(sealSegment(deps, broken)).rejects.toThrow('gone');
  expect(folder.fileNames()).toEqual([]);
});

test('sizes that no sealed segment has are no layout', () => {
  for (const byteCount of [-1, 0, 15, 1.5, Number.NaN, LEAF_BYTES + 1, LEAF_BYTES + 16, 2 ** 36 + 1, 2 ** 60]) {
    expect(sealedLayout(byteCount)).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), (byteCount) => {
      expect(sealedLayout(sealedByteCount(byteCount))?.byteCount).toBe(sealedByteCount(byteCount));
    }),
  );
});
