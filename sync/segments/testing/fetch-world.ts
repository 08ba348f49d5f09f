import { expect } from 'vitest';
import { resumePartial } from '../partial-segment.ts';
import { LEAF_PLAIN_BYTES } from '../sealed-layout.ts';
import type { SealedName } from '../sealed-segment.ts';
import { SEGMENT_FRAMES } from '../frames.ts';
import { fileBytes, plainBytes, sealBytes, tree } from './fixtures.ts';
import { createMemorySealedFolder, type MemorySealedFolder } from './memory-sealed-folder.ts';

export const LEAF = SEGMENT_FRAMES.leaf.code;
export const isLeaf = (frame: Uint8Array) => frame[0] === LEAF;

export async function sealed(leafCount: number, firstKeyByte = 0) {
  const folder = createMemorySealedFolder();
  const record = await sealBytes(folder, plainBytes(leafCount * LEAF_PLAIN_BYTES - 7), firstKeyByte);
  return { folder, record, name: record.name, leafCount };
}

export async function expectSame(left: MemorySealedFolder, right: MemorySealedFolder, name: SealedName) {
  expect(Buffer.compare(await fileBytes(left, name), await fileBytes(right, name))).toBe(0);
  expect(left.fileNames()).toContain(`${name}.sealed`);
  expect(left.fileNames()).not.toContain(`${name}.partial`);
}

export const sum = (counts: Record<string, number>, event: string) =>
  Object.entries(counts)
    .filter(([key]) => key.endsWith(` ${event}`))
    .reduce((total, [, count]) => total + count, 0);

/** Leaves of a segment of one page that a folder has a mark of, and as they should be. */
export async function trueMarks(folder: MemorySealedFolder, name: SealedName, leafHashes: Uint8Array): Promise<number> {
  const unchanged = async () => ({ ...(await folder.openPartial(name)), write: async () => undefined });
  const partial = await resumePartial(tree, unchanged, name);
  await partial?.checkPage(0, leafHashes);
  return partial?.have.count ?? 0;
}

/** Gives the same segments to a folder of another peer. */
export async function copyTo(source: MemorySealedFolder, names: readonly SealedName[]) {
  const copy = createMemorySealedFolder();
  for (const name of names) {
    const draft = await copy.createDraft();
    const bytes = await fileBytes(source, name);
    await draft.write(0, bytes);
    await draft.publish(name, bytes.length);
  }
  return copy;
}
