import { concatBytes, equalBytes, fromHex, type AbortOptions, throwIfAborted } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import type { Blake3 } from '#sync/log/index.ts';
import {
  type CreatePlainHasher,
  LEAF_BYTES,
  LEAF_PLAIN_BYTES,
  LEAF_TAG_BYTES,
  type LeafCipher,
  openLeaf,
} from '#sync/segments/index.ts';
import { bundleDamaged } from './bundle-fault.ts';
import { readStart } from './bundle-seal.ts';
import { BUNDLE_BYTES_MAX } from './limits.ts';
import type { OpenKey } from './ports.ts';

const DIGEST_BYTES = 32;
/** What is read at once where nobody asks for less. */
const READ_BYTES = 256 * 1024;

export interface ReadDeps {
  readonly blake3: Blake3;
  readonly createHasher: CreatePlainHasher;
  readonly cipher: LeafCipher;
  /** Opens sealed bundles; undefined where there is no key for them. */
  readonly sealing?: OpenKey | undefined;
}

/** The body of a bundle file, readable at any place. */
export interface BundleBody extends Pick<ByteSource, 'byteCount' | 'read'> {
  /** Bytes of the file. */
  readonly fileBytes: number;
  /** 0 for a plain bundle. */
  readonly recipientCount: number;
  /**
   * Checks the hash of the whole. What was read from the first byte on without a gap is not read again.
   * Errors: `BUNDLE_DAMAGED`, `IO_FAILED`, `CANCELLED`.
   */
  checkDigest(options?: AbortOptions): Promise<void>;
}

/** The caller keeps and closes `source`. Errors: `BUNDLE_DAMAGED`, `BUNDLE_VERSION`, `BUNDLE_SEALED`, `IO_FAILED`. */
export async function openBody(deps: ReadDeps, source: ByteSource): Promise<BundleBody> {
  const hashing = await hashInOrder(deps.createHasher, source);
  const start = await readStart({ blake3: deps.blake3, sealing: deps.sealing }, hashing);
  const end = source.byteCount - DIGEST_BYTES;
  const room = end - start.bytes.length;
  if (room <= 0) throw bundleDamaged('truncated', 'it ends early');
  if (source.byteCount > BUNDLE_BYTES_MAX) throw bundleDamaged('not-a-bundle', `it has ${source.byteCount} bytes`);
  const body = start.bodyKey
    ? sealedBody(deps.cipher, start.bodyKey, hashing, start.bytes.length, room)
    : plainBody(hashing, start.bytes.length, room);
  return {
    ...body,
    fileBytes: source.byteCount,
    recipientCount: start.recipientCount,
    async checkDigest({ signal } = {}) {
      while (hashing.hashedBytes < end) {
        throwIfAborted(signal);
        await hashing.read(hashing.hashedBytes, Math.min(READ_BYTES, end - hashing.hashedBytes));
      }
      if (equalBytes(await source.read(end, DIGEST_BYTES), hashing.digest())) return;
      throw bundleDamaged('digest-mismatch', 'its bytes are not those that were written');
    },
  };
}

interface HashingSource extends ByteSource {
  readonly hashedBytes: number;
  digest(): Uint8Array;
}

/** Hashes the file while it is read from front to back; what is read ahead of that is not counted. */
async function hashInOrder(createHasher: CreatePlainHasher, source: ByteSource): Promise<HashingSource> {
  const hasher = await createHasher();
  const end = source.byteCount - DIGEST_BYTES;
  let hashedBytes = 0;
  return {
    byteCount: source.byteCount,
    get hashedBytes() {
      return hashedBytes;
    },
    digest: () => fromHex(hasher.digest()),
    async read(offset, byteCount) {
      const bytes = await source.read(offset, byteCount);
      const upTo = Math.min(offset + byteCount, end);
      if (offset <= hashedBytes && hashedBytes < upTo) {
        hasher.update(bytes.subarray(hashedBytes - offset, upTo - offset));
        hashedBytes = upTo;
      }
      return bytes;
    },
    close: () => source.close(),
  };
}

type Readable = Pick<ByteSource, 'byteCount' | 'read'>;

function assertInside(byteCount: number, offset: number, length: number): void {
  if (offset + length > byteCount) throw bundleDamaged('truncated', 'something reaches beyond its end');
}

function plainBody(source: ByteSource, start: number, byteCount: number): Readable {
  return {
    byteCount,
    async read(offset, length) {
      assertInside(byteCount, offset, length);
      return source.read(start + offset, length);
    },
  };
}

function sealedBody(
  cipher: LeafCipher,
  key: Uint8Array,
  source: ByteSource,
  start: number,
  sealedBytes: number,
): Readable {
  const leafCount = Math.ceil(sealedBytes / LEAF_BYTES);
  const byteCount = sealedBytes - leafCount * LEAF_TAG_BYTES;
  if (sealedBytes - (leafCount - 1) * LEAF_BYTES <= LEAF_TAG_BYTES) throw bundleDamaged('truncated', 'it ends early');
  /** The chunk that was read last: what is read next most often begins in it. */
  let last: { readonly leaf: number; readonly plain: Uint8Array } | undefined;

  async function readLeaves(first: number, end: number): Promise<Uint8Array[]> {
    const offset = first * LEAF_BYTES;
    const sealed = await source.read(start + offset, Math.min(end * LEAF_BYTES, sealedBytes) - offset);
    return Array.from({ length: end - first }, (_, i) => {
      const bytes = sealed.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES);
      const plain = openLeaf(cipher, key, { leaf: first + i, leafCount }, bytes);
      if (!plain) throw bundleDamaged('chunk-damaged', `chunk ${first + i} does not open`);
      return plain;
    });
  }

  return {
    byteCount,
    async read(offset, length) {
      assertInside(byteCount, offset, length);
      if (length === 0) return new Uint8Array();
      const first = Math.floor(offset / LEAF_PLAIN_BYTES);
      const end = Math.ceil((offset + length) / LEAF_PLAIN_BYTES);
      const kept = last?.leaf === first ? [last.plain] : [];
      const leaves = first + kept.length < end ? [...kept, ...(await readLeaves(first + kept.length, end))] : kept;
      last = { leaf: end - 1, plain: leaves.at(-1)! };
      const from = offset - first * LEAF_PLAIN_BYTES;
      // A copy, as what is read must not change with the chunk that is kept.
      return concatBytes(leaves).subarray(from, from + length);
    },
  };
}
