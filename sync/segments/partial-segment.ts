import { concatBytes, createMutex, equalBytes } from '#core/kernel/index.ts';
import { type HashTree, layoutOfRoot, pageHashOf } from './hash-tree.ts';
import { createLeafSet, type LeafSet } from './leaf-set.ts';
import type { Draft, SealedFolder } from './ports.ts';
import { readSealedLayout, sealedFileOf } from './sealed-file.ts';
import {
  hashAt,
  leafOffset,
  PAGE_LEAVES,
  pageLeaves,
  pageOffset,
  SEALED_MAGIC,
  type SealedLayout,
} from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';

/** A sealed segment that is being received. What it says to have is on the disk and was verified in this process. */
export interface PartialSegment {
  readonly layout: SealedLayout;
  readonly rootRecord: Uint8Array;
  /** Leaves that are marked. A mark of an earlier process counts once `checkPage` has looked at it. */
  readonly have: Pick<LeafSet, 'has' | 'count'>;
  /** The leaf hashes of a page, verified; undefined when they are not there. */
  readPage(page: number): Promise<Uint8Array | undefined>;
  /** The hashes are verified by the caller. */
  writePage(page: number, leafHashes: Uint8Array): Promise<void>;
  /**
   * Reads the marked leaves of a page again and takes the mark from those that are not what they should be: a power loss
   * may keep a mark and take its leaf.
   */
  checkPage(page: number, leafHashes: Uint8Array): Promise<void>;
  /** Stores a leaf that the caller has verified, and then its mark. */
  writeLeaf(leaf: number, bytes: Uint8Array): Promise<void>;
  /** Gives the file its name; every leaf must be there. */
  publish(): Promise<void>;
  close(): Promise<void>;
}

/** What an earlier transfer left; undefined when that is nothing that can be gone on with. */
export async function resumePartial(
  tree: HashTree,
  openPartial: SealedFolder['openPartial'],
  name: SealedName,
): Promise<PartialSegment | undefined> {
  const draft = await openPartial(name);
  let partial: PartialSegment | undefined;
  try {
    partial = await partialIn(tree, draft, name);
    return partial;
  } finally {
    if (!partial) await draft.close();
  }
}

async function partialIn(tree: HashTree, draft: Draft, name: SealedName): Promise<PartialSegment | undefined> {
  const layout = await readSealedLayout(draft);
  if (!layout || draft.byteCount !== layout.fileBytes + layout.bitmapBytes) return undefined;
  const rootRecord = await sealedFileOf(layout, draft).readRoot();
  if (tree.nameOf(rootRecord) !== name) return undefined;
  const bitmap = await draft.read(layout.fileBytes, layout.bitmapBytes);
  return partialSegment(tree, draft, name, layout, rootRecord, bitmap);
}

/** Starts a file anew; the root record is verified by the caller. */
export async function createPartial(
  tree: HashTree,
  openPartial: SealedFolder['openPartial'],
  name: SealedName,
  rootRecord: Uint8Array,
): Promise<PartialSegment> {
  const layout = layoutOfRoot(rootRecord)!;
  const draft = await openPartial(name);
  try {
    await draft.resize(0);
    await draft.resize(layout.fileBytes + layout.bitmapBytes);
    await draft.write(0, concatBytes([SEALED_MAGIC, rootRecord]));
  } catch (error) {
    await draft.close();
    throw error;
  }
  return partialSegment(tree, draft, name, layout, rootRecord, new Uint8Array(layout.bitmapBytes));
}

function partialSegment(
  tree: HashTree,
  draft: Draft,
  name: SealedName,
  layout: SealedLayout,
  rootRecord: Uint8Array,
  bitmap: Uint8Array,
): PartialSegment {
  const file = sealedFileOf(layout, draft);
  const have = createLeafSet(bitmap, layout.leafCount);
  // Eight leaves share a byte: out of order, the older of two writes could take back the newer one's mark.
  const inOrder = createMutex();
  const writeMark = (leaf: number) =>
    draft.write(layout.fileBytes + (leaf >> 3), bitmap.slice(leaf >> 3, (leaf >> 3) + 1));
  return {
    layout,
    rootRecord,
    have,
    async readPage(page) {
      const hashes = await file.readPage(page);
      return equalBytes(tree.pageHash(hashes), pageHashOf(rootRecord, page)) ? hashes : undefined;
    },
    writePage: (page, leafHashes) => draft.write(pageOffset(layout, page), leafHashes),
    async checkPage(page, leafHashes) {
      for (let index = 0; index < pageLeaves(layout, page); index++) {
        const leaf = page * PAGE_LEAVES + index;
        if (!have.has(leaf)) continue;
        if (equalBytes(tree.leafHash(await file.readLeaf(leaf)), hashAt(leafHashes, index))) continue;
        await inOrder(async () => {
          have.delete(leaf);
          await writeMark(leaf);
        });
      }
    },
    async writeLeaf(leaf, bytes) {
      await draft.write(leafOffset(layout, leaf), bytes);
      await inOrder(async () => {
        have.add(leaf);
        await writeMark(leaf);
      });
    },
    publish: () => draft.publish(name, layout.fileBytes),
    close: () => draft.close(),
  };
}
