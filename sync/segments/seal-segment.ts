import { type AbortOptions, concatBytes, GranaryError, type Random, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { createHashTree, encodeRootRecord } from './hash-tree.ts';
import type { CreatePlainHasher, Draft, LeafCipher, SealedFolder } from './ports.ts';
import { sealLeaf } from './seal-leaf.ts';
import { sealedCorrupt } from './sealed-file.ts';
import {
  LEAF_PLAIN_BYTES,
  leafOffset,
  pageLeaves,
  PAGE_LEAVES,
  pageOffset,
  SEALED_BYTES_MAX,
  SEALED_MAGIC,
  sealedByteCount,
  type SealedLayout,
  sealedLayout,
} from './sealed-layout.ts';
import { SEAL_KEY_BYTES, type SealedName, type SealedSegment } from './sealed-segment.ts';

/** Leaves that are read and written at once: 256 KiB, which is where larger pieces stop being faster. */
const BATCH_LEAVES = 16;

export interface SealDeps {
  readonly folder: SealedFolder;
  readonly cipher: LeafCipher;
  readonly random: Random;
  readonly blake3: Blake3;
  readonly createHasher: CreatePlainHasher;
}

/**
 * Encrypts a segment under a fresh key and stores it by the name that its ciphertext gives it. Memory stays below 1 MiB
 * whatever the size. Sealing the same segment again gives another key and another name.
 * Errors: `LIMIT_EXCEEDED`, `DISK_FULL`, `IO_FAILED`, `CANCELLED`; nothing is left in the folder then.
 */
export const sealSegment = (deps: SealDeps, source: ByteSource, options: AbortOptions = {}): Promise<SealedSegment> =>
  sealAs('sealed', deps, source, deps.random.bytes(SEAL_KEY_BYTES), options);

/**
 * Like {@link sealSegment}, for a node that keeps the segment itself: only the tree is stored, 0.2 % of the size, from which
 * `createSealedSource` gives the sealed file. Keep the record, as recording again gives another key and another name.
 */
export const recordSegment = (deps: SealDeps, source: ByteSource, options: AbortOptions = {}): Promise<SealedSegment> =>
  sealAs('tree', deps, source, deps.random.bytes(SEAL_KEY_BYTES), options);

/**
 * Stores the tree of a segment whose record is known.
 * Errors: those of {@link sealSegment}; `SEGMENT_CORRUPT` when this is not the segment of the record.
 */
export async function rebuildTree(
  deps: Omit<SealDeps, 'random'>,
  source: ByteSource,
  { name, key }: SealedSegment,
  options: AbortOptions = {},
): Promise<void> {
  await sealAs('tree', deps, source, key, options, name);
}

async function sealAs(
  kept: 'sealed' | 'tree',
  deps: Omit<SealDeps, 'random'>,
  source: ByteSource,
  key: Uint8Array,
  options: AbortOptions,
  expected?: SealedName,
): Promise<SealedSegment> {
  const layout = sealedLayout(sealedByteCount(source.byteCount));
  if (!layout) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `A segment of ${source.byteCount} bytes is over the limit of ${SEALED_BYTES_MAX} bytes sealed. Write smaller segments.`,
      { byteCount: source.byteCount },
    );
  }
  const draft = await deps.folder.createDraft();
  try {
    const segment = await sealInto(deps, source, layout, key, draft, kept === 'sealed', options);
    if (expected && segment.name !== expected) throw sealedCorrupt(expected, 'the opened segment is another one');
    await draft.publish(segment.name, kept === 'sealed' ? layout.fileBytes : layout.leavesOffset, kept);
    return segment;
  } catch (error) {
    await draft.discard();
    throw error;
  }
}

async function sealInto(
  { cipher, blake3, createHasher }: Omit<SealDeps, 'random'>,
  source: ByteSource,
  layout: SealedLayout,
  key: Uint8Array,
  draft: Draft,
  keepsLeaves: boolean,
  { signal }: AbortOptions,
): Promise<SealedSegment> {
  const tree = createHashTree(blake3);
  const hasher = await createHasher();
  const { leafCount } = layout;
  const pageHashes: Uint8Array[] = [];
  for (let page = 0; page < layout.pageCount; page++) {
    const leafHashes: Uint8Array[] = [];
    const end = page * PAGE_LEAVES + pageLeaves(layout, page);
    for (let first = page * PAGE_LEAVES; first < end; first += BATCH_LEAVES) {
      throwIfAborted(signal);
      const offset = first * LEAF_PLAIN_BYTES;
      const plain = await source.read(offset, Math.min(BATCH_LEAVES * LEAF_PLAIN_BYTES, source.byteCount - offset));
      hasher.update(plain);
      const sealed: Uint8Array[] = [];
      for (let leaf = first; leaf < Math.min(first + BATCH_LEAVES, end); leaf++) {
        const start = (leaf - first) * LEAF_PLAIN_BYTES;
        const bytes = sealLeaf(cipher, key, { leaf, leafCount }, plain.subarray(start, start + LEAF_PLAIN_BYTES));
        leafHashes.push(tree.leafHash(bytes));
        sealed.push(bytes);
      }
      if (keepsLeaves) await draft.write(leafOffset(layout, first), concatBytes(sealed));
    }
    const hashes = concatBytes(leafHashes);
    pageHashes.push(tree.pageHash(hashes));
    await draft.write(pageOffset(layout, page), hashes);
  }
  const root = encodeRootRecord(layout.byteCount, pageHashes);
  await draft.write(0, concatBytes([SEALED_MAGIC, root]));
  return { name: tree.nameOf(root), key, hash: hasher.digest(), byteCount: source.byteCount };
}
