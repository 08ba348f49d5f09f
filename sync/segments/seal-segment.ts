import { type AbortOptions, concatBytes, GranaryError, type Random, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { createHashTree, encodeRootRecord } from './hash-tree.ts';
import type { CreatePlainHasher, Draft, LeafCipher, SealedFolder } from './ports.ts';
import { sealLeaf } from './seal-leaf.ts';
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
import { SEAL_KEY_BYTES, type SealedSegment } from './sealed-segment.ts';

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
export async function sealSegment(
  deps: SealDeps,
  source: ByteSource,
  options: AbortOptions = {},
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
    return await sealInto(deps, source, layout, draft, options);
  } catch (error) {
    await draft.discard();
    throw error;
  }
}

async function sealInto(
  { cipher, random, blake3, createHasher }: SealDeps,
  source: ByteSource,
  layout: SealedLayout,
  draft: Draft,
  { signal }: AbortOptions,
): Promise<SealedSegment> {
  const tree = createHashTree(blake3);
  const hasher = await createHasher();
  const key = random.bytes(SEAL_KEY_BYTES);
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
      await draft.write(leafOffset(layout, first), concatBytes(sealed));
    }
    const hashes = concatBytes(leafHashes);
    pageHashes.push(tree.pageHash(hashes));
    await draft.write(pageOffset(layout, page), hashes);
  }
  const root = encodeRootRecord(layout.byteCount, pageHashes);
  await draft.write(0, concatBytes([SEALED_MAGIC, root]));
  const name = tree.nameOf(root);
  await draft.publish(name, layout.fileBytes);
  return { name, key, hash: hasher.digest(), byteCount: source.byteCount };
}
