/**
 * Where everything lies in a sealed file. All of it follows from one number, the bytes of ciphertext:
 *
 * | bytes      | what                                                                    |
 * | ---------- | ----------------------------------------------------------------------- |
 * | 16         | `granary sealed 1`                                                      |
 * | 8 + 32 × P | the root record: bytes of ciphertext (u64, big endian), the page hashes |
 * | 32 × L     | the leaf hashes, page after page                                        |
 * | the rest   | L leaves of ciphertext: {@link LEAF_BYTES} each, the last one shorter   |
 *
 * A file that is still being received has a bitmap behind that: bit `i % 8` of byte `i >> 3` says that leaf i is there.
 */
import { toUtf8 } from '#core/kernel/index.ts';

/** Bytes of ciphertext that are verified, sent and kept together. */
export const LEAF_BYTES = 16 * 1024;
/** The authentication tag at the end of each leaf (RFC 8439). */
export const LEAF_TAG_BYTES = 16;
/** Bytes of the segment in a leaf that is not the last. */
export const LEAF_PLAIN_BYTES = LEAF_BYTES - LEAF_TAG_BYTES;
/** Leaves whose hashes make a page: a page of hashes is as large as a leaf and stands for 8 MiB. */
export const PAGE_LEAVES = 512;
export const HASH_BYTES = 32;

/** Bytes of ciphertext of one segment: keeps a root record within 256 KiB and the bitmap within 512 KiB of memory. */
export const SEALED_BYTES_MAX = 2 ** 36;

/** The first bytes of a sealed file. */
export const SEALED_MAGIC = toUtf8('granary sealed 1');
/** Bytes of a sealed file that tell its layout: the magic and the bytes of ciphertext. */
export const SEALED_PREFIX_BYTES = SEALED_MAGIC.length + 8;

export interface SealedLayout {
  /** Bytes of ciphertext. */
  readonly byteCount: number;
  readonly leafCount: number;
  readonly pageCount: number;
  /** The root record begins at the end of the magic. */
  readonly rootBytes: number;
  readonly leafHashesOffset: number;
  readonly leavesOffset: number;
  /** Bytes of the whole file, and the place of the bitmap while it is received. */
  readonly fileBytes: number;
  readonly bitmapBytes: number;
}

/** Bytes of ciphertext for a segment of `byteCount` bytes; an empty segment has one leaf that is a tag alone. */
export const sealedByteCount = (byteCount: number): number =>
  byteCount + LEAF_TAG_BYTES * Math.max(1, Math.ceil(byteCount / LEAF_PLAIN_BYTES));

/** Undefined for a number that no sealed segment has as its bytes of ciphertext, or that is over the limit. */
export function sealedLayout(byteCount: number): SealedLayout | undefined {
  if (!Number.isSafeInteger(byteCount) || byteCount < LEAF_TAG_BYTES || byteCount > SEALED_BYTES_MAX) return undefined;
  const leafCount = Math.ceil(byteCount / LEAF_BYTES);
  const lastBytes = byteCount - (leafCount - 1) * LEAF_BYTES;
  if (leafCount > 1 && lastBytes <= LEAF_TAG_BYTES) return undefined;
  const pageCount = Math.ceil(leafCount / PAGE_LEAVES);
  const rootBytes = 8 + HASH_BYTES * pageCount;
  const leafHashesOffset = SEALED_MAGIC.length + rootBytes;
  const leavesOffset = leafHashesOffset + HASH_BYTES * leafCount;
  const fileBytes = leavesOffset + byteCount;
  return {
    byteCount,
    leafCount,
    pageCount,
    rootBytes,
    leafHashesOffset,
    leavesOffset,
    fileBytes,
    bitmapBytes: Math.ceil(leafCount / 8),
  };
}

/** Bytes of the sealed file of a segment of `byteCount` bytes, of those that can be sealed. */
export const sealedFileBytes = (byteCount: number): number => sealedLayout(sealedByteCount(byteCount))!.fileBytes;

/** Bytes of one leaf. `leaf` is from 0 to `leafCount` - 1. */
export const leafBytes = ({ byteCount }: SealedLayout, leaf: number): number =>
  Math.min(LEAF_BYTES, byteCount - leaf * LEAF_BYTES);

export const leafOffset = ({ leavesOffset }: SealedLayout, leaf: number): number => leavesOffset + leaf * LEAF_BYTES;

/** How many leaves a page stands for. `page` is from 0 to `pageCount` - 1. */
export const pageLeaves = ({ leafCount }: SealedLayout, page: number): number =>
  Math.min(PAGE_LEAVES, leafCount - page * PAGE_LEAVES);

export const pageOffset = ({ leafHashesOffset }: SealedLayout, page: number): number =>
  leafHashesOffset + page * PAGE_LEAVES * HASH_BYTES;

/** The hash at a place of a row of hashes. */
export const hashAt = (hashes: Uint8Array, index: number): Uint8Array =>
  hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
