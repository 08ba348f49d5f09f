import { equalBytes, toHex } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import {
  createHashTree,
  createPartial,
  type HashTree,
  leafBytes,
  layoutOfRoot,
  PAGE_LEAVES,
  pageHashOf,
  pageLeaves,
  type PartialSegment,
  resumePartial,
  type SealedLayout,
  type SealedName,
} from '#sync/segments/index.ts';
import { bundleDamaged } from './bundle-fault.ts';
import type { BundleTarget } from './ports.ts';

/** What became of one segment of a bundle. */
export interface SegmentReceipt {
  readonly name: SealedName;
  readonly outcome: 'stored' | 'known' | 'unwanted' | 'damaged';
  readonly leavesStored: number;
  /** Leaves that an earlier import or transfer had stored. */
  readonly leavesKnown: number;
  /** Leaves that are not what the name of the segment says. */
  readonly leavesRefused: number;
}

/** Takes in one segment, page after page and leaf after leaf as the bundle has them. */
export interface SegmentReceiver {
  takePage(leafHashes: Uint8Array): Promise<void>;
  takeLeaves(bytes: Uint8Array): Promise<void>;
  /** After the last leaf; the file has its name then. Errors: `BUNDLE_DAMAGED` when leaves are missing. */
  end(): Promise<SegmentReceipt>;
  /** Lets go of the file; what was stored is gone on with at the next import. */
  close(): Promise<void>;
}

/** Begins with the root record; the segment must be the one of that name and size. Errors: `BUNDLE_DAMAGED`, `IO_FAILED`. */
export async function receiveSegment(
  blake3: Blake3,
  target: Pick<BundleTarget, 'folder' | 'wantsSegment'>,
  expected: { readonly name: Uint8Array; readonly byteCount: number },
  rootRecord: Uint8Array,
): Promise<SegmentReceiver> {
  const tree = createHashTree(blake3);
  const layout = rootRecord.length > 8 ? layoutOfRoot(rootRecord) : undefined;
  const name = toHex(expected.name) as SealedName;
  if (
    layout?.rootBytes !== rootRecord.length ||
    layout.byteCount !== expected.byteCount ||
    tree.nameOf(rootRecord) !== name
  ) {
    throw bundleDamaged('index-mismatch', 'a segment is not the one that its index names');
  }
  const { folder } = target;
  if (!folder || !(await target.wantsSegment(name))) return createReceiver(tree, layout, rootRecord, name, 'unwanted');
  const whole = await folder.open(name);
  if (whole) {
    await whole.close();
    return createReceiver(tree, layout, rootRecord, name, 'known');
  }
  const openPartial = (of: SealedName) => folder.openPartial(of);
  const partial =
    (await resumePartial(tree, openPartial, name)) ??
    (await createPartial(tree, openPartial, name, rootRecord.slice()));
  return createReceiver(tree, layout, rootRecord, name, partial);
}

function createReceiver(
  tree: HashTree,
  layout: SealedLayout,
  rootRecord: Uint8Array,
  name: SealedName,
  partial: PartialSegment | 'known' | 'unwanted',
): SegmentReceiver {
  const file = typeof partial === 'string' ? undefined : partial;
  let page = -1;
  let hashes: Uint8Array | undefined;
  let leaf = 0;
  let isClosed = false;
  const counts = { leavesStored: 0, leavesKnown: 0, leavesRefused: 0 };
  const misplaced = () => bundleDamaged('section-unexpected', 'the leaves of a segment are not in their places');
  const pageEnd = () => (page < 0 ? 0 : page * PAGE_LEAVES + pageLeaves(layout, page));

  async function close(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    await file?.close();
  }

  async function takeLeaf(bytes: Uint8Array): Promise<void> {
    if (!file) return;
    if (hashes && file.have.has(leaf)) counts.leavesKnown += 1;
    else if (!hashes || !tree.isLeaf(bytes, hashes, leaf % PAGE_LEAVES)) counts.leavesRefused += 1;
    else {
      await file.writeLeaf(leaf, bytes);
      counts.leavesStored += 1;
    }
  }

  return {
    async takePage(leafHashes) {
      if (leaf !== pageEnd() || page + 1 >= layout.pageCount) throw misplaced();
      page += 1;
      if (leafHashes.length !== pageLeaves(layout, page) * 32) throw misplaced();
      if (!file) return;
      hashes = equalBytes(tree.pageHash(leafHashes), pageHashOf(rootRecord, page)) ? leafHashes : undefined;
      if (!hashes) return;
      if (!(await file.readPage(page))) await file.writePage(page, hashes);
      await file.checkPage(page, hashes);
    },
    async takeLeaves(bytes) {
      for (let offset = 0; offset < bytes.length;) {
        if (leaf >= pageEnd()) throw misplaced();
        const byteCount = leafBytes(layout, leaf);
        if (offset + byteCount > bytes.length) throw misplaced();
        await takeLeaf(bytes.subarray(offset, offset + byteCount));
        offset += byteCount;
        leaf += 1;
      }
    },
    async end() {
      if (leaf !== layout.leafCount) throw bundleDamaged('truncated', `the segment ${name} ends early`);
      if (!file) return { name, outcome: partial as 'known' | 'unwanted', ...counts };
      if (counts.leavesRefused > 0) {
        await close();
        return { name, outcome: 'damaged', ...counts };
      }
      isClosed = true;
      await file.publish();
      return { name, outcome: 'stored', ...counts };
    },
    close,
  };
}
