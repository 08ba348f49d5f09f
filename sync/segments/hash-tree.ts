/**
 * The hash tree over the ciphertext of a segment. Each hash is BLAKE3-256 of 16 bytes that say what is hashed, and then
 *
 * - for a leaf its ciphertext,
 * - for a page the hashes of its leaves,
 * - for the root the root record: the bytes of ciphertext and the hashes of all pages.
 *
 * The hash of the root is the name of the sealed segment. So no leaf passes for a page, and no shorter file for a longer one.
 */
import { concatBytes, equalBytes, toHex, toUtf8 } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { HASH_BYTES, hashAt, LEAF_BYTES, type SealedLayout, sealedLayout } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';

const LEAF_LABEL = toUtf8('granary:leaf:v1\0');
const PAGE_LABEL = toUtf8('granary:page:v1\0');
const ROOT_LABEL = toUtf8('granary:root:v1\0');

export interface HashTree {
  /** Of at most {@link LEAF_BYTES} bytes. */
  leafHash(leaf: Uint8Array): Uint8Array;
  pageHash(leafHashes: Uint8Array): Uint8Array;
  nameOf(rootRecord: Uint8Array): SealedName;
  /** True when the bytes are the leaf whose hash stands at `index` of the page. */
  isLeaf(leaf: Uint8Array, leafHashes: Uint8Array, index: number): boolean;
}

export function createHashTree(blake3: Blake3): HashTree {
  // One buffer for all leaves: joining label and leaf anew would allocate as many bytes as are hashed.
  const scratch = new Uint8Array(LEAF_LABEL.length + LEAF_BYTES);
  scratch.set(LEAF_LABEL);
  const leafHash = (leaf: Uint8Array) => {
    scratch.set(leaf, LEAF_LABEL.length);
    return blake3(scratch.subarray(0, LEAF_LABEL.length + leaf.length));
  };
  return {
    leafHash,
    pageHash: (leafHashes) => blake3(concatBytes([PAGE_LABEL, leafHashes])),
    nameOf: (rootRecord) => toHex(blake3(concatBytes([ROOT_LABEL, rootRecord]))) as SealedName,
    isLeaf: (leaf, leafHashes, index) => equalBytes(leafHash(leaf), hashAt(leafHashes, index)),
  };
}

export function encodeRootRecord(byteCount: number, pageHashes: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, BigInt(byteCount));
  return concatBytes([head, ...pageHashes]);
}

/** The layout that the first 8 bytes of a root record tell; undefined when there is none of that size. */
export function layoutOfRoot(bytes: Uint8Array): SealedLayout | undefined {
  const byteCount = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  return sealedLayout(Number(byteCount));
}

/** The hash of a page as the root record has it. */
export const pageHashOf = (rootRecord: Uint8Array, page: number): Uint8Array =>
  rootRecord.subarray(8 + page * HASH_BYTES, 8 + (page + 1) * HASH_BYTES);
