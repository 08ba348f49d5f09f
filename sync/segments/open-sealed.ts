import { type AbortOptions, concatBytes, GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import type { CreatePlainHasher, LeafCipher } from './ports.ts';
import { openLeaf } from './seal-leaf.ts';
import { LEAF_BYTES, LEAF_PLAIN_BYTES, leafOffset, sealedByteCount } from './sealed-layout.ts';
import { openSealedFile, sealedCorrupt } from './sealed-file.ts';
import type { SealedSegment } from './sealed-segment.ts';

/** Leaves that are read and opened at once: 256 KiB. */
const BATCH_LEAVES = 16;

/**
 * The segment in a sealed file, to be read at any place: only the leaves of the range are read and opened, and each is
 * checked by its tag. Closing it closes `source`.
 * Errors of opening and reading: `SEGMENT_CORRUPT` for another key, another size or a damaged leaf; `IO_FAILED`.
 */
export async function openSealed(cipher: LeafCipher, source: ByteSource, segment: SealedSegment): Promise<ByteSource> {
  const { name, key, byteCount } = segment;
  const { layout } = await openSealedFile(source, name);
  if (layout.byteCount !== sealedByteCount(byteCount))
    throw sealedCorrupt(name, 'its size is not the one of the record');
  const { leafCount } = layout;

  async function readLeaves(first: number, count: number, options: AbortOptions | undefined): Promise<Uint8Array[]> {
    const wanted = Math.min(count * LEAF_BYTES, layout.byteCount - first * LEAF_BYTES);
    const sealed = await source.read(leafOffset(layout, first), wanted, options);
    return Array.from({ length: count }, (_, i) => {
      const bytes = sealed.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES);
      const plain = openLeaf(cipher, key, { leaf: first + i, leafCount }, bytes);
      if (!plain) throw sealedCorrupt(name, `leaf ${first + i} does not open with the key of the record`);
      return plain;
    });
  }

  return {
    byteCount,
    async read(offset, length, options) {
      if (offset < 0 || length < 0 || offset + length > byteCount) {
        throw new GranaryError('IO_FAILED', `The sealed segment ${name} ends before byte ${offset + length}.`, {
          segment: name,
        });
      }
      if (length === 0) return new Uint8Array();
      const first = Math.floor(offset / LEAF_PLAIN_BYTES);
      const end = Math.ceil((offset + length) / LEAF_PLAIN_BYTES);
      const leaves: Uint8Array[] = [];
      for (let leaf = first; leaf < end; leaf += BATCH_LEAVES) {
        leaves.push(...(await readLeaves(leaf, Math.min(BATCH_LEAVES, end - leaf), options)));
      }
      const start = offset - first * LEAF_PLAIN_BYTES;
      return concatBytes(leaves).subarray(start, start + length);
    },
    close: () => source.close(),
  };
}

/**
 * Yields the whole segment in pieces of at most 256 KiB and checks its hash at the end: what came before is the segment
 * only if the last piece is followed by no error. Errors: those of {@link openSealed}, `CANCELLED`.
 */
export async function* unsealSegment(
  deps: { readonly cipher: LeafCipher; readonly createHasher: CreatePlainHasher },
  source: ByteSource,
  segment: SealedSegment,
  { signal }: AbortOptions = {},
): AsyncGenerator<Uint8Array> {
  const plain = await openSealed(deps.cipher, source, segment);
  const hasher = await deps.createHasher();
  const pieceBytes = BATCH_LEAVES * LEAF_PLAIN_BYTES;
  // Also an empty segment has a leaf whose tag is to be checked, which reading no bytes would pass by.
  if (plain.byteCount === 0) await checkEmpty(deps.cipher, source, segment);
  for (let offset = 0; offset < plain.byteCount; offset += pieceBytes) {
    throwIfAborted(signal);
    const piece = await plain.read(offset, Math.min(pieceBytes, plain.byteCount - offset));
    hasher.update(piece);
    yield piece;
  }
  if (hasher.digest() !== segment.hash)
    throw sealedCorrupt(segment.name, 'it holds another segment than its record says');
}

async function checkEmpty(cipher: LeafCipher, source: ByteSource, { name, key }: SealedSegment): Promise<void> {
  const file = await openSealedFile(source, name);
  if (!openLeaf(cipher, key, { leaf: 0, leafCount: 1 }, await file.readLeaf(0))) {
    throw sealedCorrupt(name, 'leaf 0 does not open with the key of the record');
  }
}
