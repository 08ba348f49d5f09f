/**
 * A sealed file that is not there: it is made from the opened segment where it is read. Sealing with the same key gives
 * the same bytes, so a node that holds the segment keeps the tree alone, 0.2 % of the size.
 */
import { type AbortOptions, concatBytes, equalBytes, GranaryError } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { createHashTree, type HashTree, layoutOfRoot, pageHashOf } from './hash-tree.ts';
import type { SealedFolder } from './ports.ts';
import { sealLeaf } from './seal-leaf.ts';
import { rebuildTree, type SealDeps } from './seal-segment.ts';
import { openSealedFile, sealedCorrupt, sealedFileOf } from './sealed-file.ts';
import {
  LEAF_BYTES,
  LEAF_PLAIN_BYTES,
  LEAF_TAG_BYTES,
  leafBytes,
  leafOffset,
  PAGE_LEAVES,
  SEALED_MAGIC,
  sealedByteCount,
  type SealedLayout,
  sealedLayout,
} from './sealed-layout.ts';
import type { SealedName, SealedSegment } from './sealed-segment.ts';

/** Bytes that are copied at once from a sealed file to its tree. */
const COPY_BYTES = 256 * 1024;

export type SealedSourceDeps = Omit<SealDeps, 'random'>;

/**
 * Reads as the sealed file of `segment` does, byte for byte. `plain` is the opened segment; closing the result closes it. The
 * tree comes from the folder, checked against the name, or is made again by reading the segment once. A leaf is handed out
 * only when it is the one of the tree: other bytes under the same key and nonce would uncover both.
 * Errors of opening and reading: `SEGMENT_CORRUPT` when `plain` is not the segment of the record; `IO_FAILED`, `DISK_FULL`,
 * `CANCELLED`. When opening fails, `plain` stays open.
 */
export async function createSealedSource(
  deps: SealedSourceDeps,
  plain: ByteSource,
  segment: SealedSegment,
  options: AbortOptions = {},
): Promise<ByteSource> {
  const { name, key, byteCount } = segment;
  const layout = sealedLayout(sealedByteCount(byteCount));
  if (!layout || plain.byteCount !== byteCount) throw sealedCorrupt(name, 'the opened segment has another size');
  const tree = createHashTree(deps.blake3);
  let head = await openTree(tree, deps.folder, name, layout);
  if (!head) {
    await rebuildTree(deps, plain, segment, options);
    head = await openTree(tree, deps.folder, name, layout);
  }
  if (!head) throw sealedCorrupt(name, 'its tree does not stay as it was written');
  const treeFile = head;
  const { readPage } = sealedFileOf(layout, treeFile);
  let known: { readonly page: number; readonly hashes: Uint8Array } | undefined;

  async function readLeaf(leaf: number, readOptions: AbortOptions | undefined): Promise<Uint8Array> {
    const page = Math.floor(leaf / PAGE_LEAVES);
    const opened = await plain.read(leaf * LEAF_PLAIN_BYTES, leafBytes(layout!, leaf) - LEAF_TAG_BYTES, readOptions);
    const { hashes } = (known = known?.page === page ? known : { page, hashes: await readPage(page) });
    const sealed = sealLeaf(deps.cipher, key, { leaf, leafCount: layout!.leafCount }, opened);
    if (!tree.isLeaf(sealed, hashes, leaf % PAGE_LEAVES)) {
      throw sealedCorrupt(name, `leaf ${leaf} of the opened segment is not what was sealed`);
    }
    return sealed;
  }

  return {
    byteCount: layout.fileBytes,
    async read(offset, length, readOptions) {
      const end = offset + length;
      if (offset < 0 || length < 0 || end > layout.fileBytes) {
        throw new GranaryError('IO_FAILED', `The sealed segment ${name} ends before byte ${end}.`, { segment: name });
      }
      const parts: Uint8Array[] = [];
      const headEnd = Math.min(end, layout.leavesOffset);
      if (offset < headEnd) parts.push(await treeFile.read(offset, headEnd - offset, readOptions));
      const start = Math.max(offset, layout.leavesOffset);
      for (let at = start; at < end;) {
        const leaf = Math.floor((at - layout.leavesOffset) / LEAF_BYTES);
        const from = leafOffset(layout, leaf);
        const sealed = await readLeaf(leaf, readOptions);
        parts.push(sealed.subarray(at - from, Math.min(end - from, sealed.length)));
        at = from + sealed.length;
      }
      return parts.length === 1 ? parts[0]! : concatBytes(parts);
    },
    async close() {
      await treeFile.close();
      await plain.close();
    },
  };
}

/** The tree of a segment when it lies there undamaged. */
async function openTree(
  tree: HashTree,
  folder: SealedFolder,
  name: SealedName,
  layout: SealedLayout,
): Promise<ByteSource | undefined> {
  const source = await folder.openTree(name);
  if (!source) return undefined;
  try {
    if (await isTreeOf(tree, source, name, layout)) return source;
  } catch (error) {
    await source.close();
    throw error;
  }
  await source.close();
  return undefined;
}

async function isTreeOf(tree: HashTree, source: ByteSource, name: SealedName, layout: SealedLayout): Promise<boolean> {
  if (source.byteCount !== layout.leavesOffset) return false;
  const file = sealedFileOf(layout, source);
  const root = await file.readRoot();
  const isRoot = layoutOfRoot(root)?.byteCount === layout.byteCount && tree.nameOf(root) === name;
  if (!isRoot || !equalBytes(await source.read(0, SEALED_MAGIC.length), SEALED_MAGIC)) return false;
  for (let page = 0; page < layout.pageCount; page++) {
    if (!equalBytes(tree.pageHash(await file.readPage(page)), pageHashOf(root, page))) return false;
  }
  return true;
}

/**
 * Removes the leaves of a segment that lies opened elsewhere by now and keeps its tree. Nothing happens when there is no
 * whole sealed file. A crash leaves the sealed file or the tree or both. Errors: `SEGMENT_CORRUPT`, `DISK_FULL`, `IO_FAILED`.
 */
export async function keepTreeOnly(folder: SealedFolder, name: SealedName): Promise<void> {
  const source = await folder.open(name);
  if (!source) return;
  const draft = await folder.createDraft();
  try {
    const { leavesOffset } = (await openSealedFile(source, name)).layout;
    for (let offset = 0; offset < leavesOffset; offset += COPY_BYTES) {
      await draft.write(offset, await source.read(offset, Math.min(COPY_BYTES, leavesOffset - offset)));
    }
    await draft.publish(name, leavesOffset, 'tree');
  } catch (error) {
    await draft.discard();
    throw error;
  } finally {
    await source.close();
  }
  await folder.removeLeaves(name);
}
