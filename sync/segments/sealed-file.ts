import { type AbortOptions, equalBytes, GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { type HashTree, layoutOfRoot, pageHashOf } from './hash-tree.ts';
import {
  HASH_BYTES,
  leafBytes,
  leafOffset,
  PAGE_LEAVES,
  pageLeaves,
  pageOffset,
  SEALED_MAGIC,
  SEALED_PREFIX_BYTES,
  type SealedLayout,
} from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';

/** A sealed file that is open, whole or being received. */
export interface SealedFile {
  readonly layout: SealedLayout;
  readRoot(): Promise<Uint8Array>;
  /** The leaf hashes of a page as they lie there, unchecked. */
  readPage(page: number): Promise<Uint8Array>;
  readLeaf(leaf: number): Promise<Uint8Array>;
}

/** The layout that the start of a file tells; undefined when it is not a sealed file. */
export async function readSealedLayout(
  source: Pick<ByteSource, 'byteCount' | 'read'>,
): Promise<SealedLayout | undefined> {
  if (source.byteCount < SEALED_PREFIX_BYTES) return undefined;
  const prefix = await source.read(0, SEALED_PREFIX_BYTES);
  if (!equalBytes(prefix.subarray(0, SEALED_MAGIC.length), SEALED_MAGIC)) return undefined;
  const layout = layoutOfRoot(prefix.subarray(SEALED_MAGIC.length));
  return layout && layout.fileBytes <= source.byteCount ? layout : undefined;
}

export const sealedFileOf = (layout: SealedLayout, source: Pick<ByteSource, 'read'>): SealedFile => ({
  layout,
  readRoot: () => source.read(SEALED_MAGIC.length, layout.rootBytes),
  readPage: (page) => source.read(pageOffset(layout, page), HASH_BYTES * pageLeaves(layout, page)),
  readLeaf: (leaf) => source.read(leafOffset(layout, leaf), leafBytes(layout, leaf)),
});

/** Opens a whole sealed file; the caller keeps and closes `source`. Errors: `SEGMENT_CORRUPT`, `IO_FAILED`. */
export async function openSealedFile(source: ByteSource, name: SealedName): Promise<SealedFile> {
  const layout = await readSealedLayout(source);
  if (!layout || layout.fileBytes !== source.byteCount) throw sealedCorrupt(name, 'it is not a whole sealed file');
  return sealedFileOf(layout, source);
}

export const sealedCorrupt = (name: SealedName, fault: string): GranaryError =>
  new GranaryError(
    'SEGMENT_CORRUPT',
    `The sealed segment ${name} is damaged: ${fault}. Remove it and fetch it again.`,
    {
      segment: name,
    },
  );

/**
 * Re-reads every byte of a sealed file and checks it against its name; needs no key.
 * Errors: `SEGMENT_CORRUPT` naming the first leaf or page that is wrong, `IO_FAILED`, `CANCELLED`.
 */
export async function verifySealed(
  tree: HashTree,
  source: ByteSource,
  name: SealedName,
  { signal }: AbortOptions = {},
): Promise<void> {
  const file = await openSealedFile(source, name);
  const root = await file.readRoot();
  if (tree.nameOf(root) !== name) throw sealedCorrupt(name, 'its root is another one');
  for (let page = 0; page < file.layout.pageCount; page++) {
    const hashes = await file.readPage(page);
    if (!equalBytes(tree.pageHash(hashes), pageHashOf(root, page))) throw sealedCorrupt(name, `page ${page} is wrong`);
    for (let index = 0; index < pageLeaves(file.layout, page); index++) {
      throwIfAborted(signal);
      const leaf = page * PAGE_LEAVES + index;
      if (!tree.isLeaf(await file.readLeaf(leaf), hashes, index)) throw sealedCorrupt(name, `leaf ${leaf} is wrong`);
    }
  }
}
