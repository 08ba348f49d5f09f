/**
 * The tips of a space as a Merkle tree of two levels: 256 buckets by the first byte of the log's key, and a root over
 * their hashes. The root depends on the set of tips alone. Source of the shape: `docs/formats/sync-v1.md`, section 2.
 *
 * Buckets are never changed in place, so a copy of the tree costs 256 references.
 */
import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { compareBytes, logKey, type LogTip } from './log-tip.ts';

export const BUCKET_COUNT = 256;
/** Bytes of a log's key that name it between two peers. */
export const HINT_BYTES = 8;

const HASH_BYTES = 32;
const COUNT_BYTES = 8;
const LEAF_BYTES = HASH_BYTES + 2 * COUNT_BYTES + HASH_BYTES;
const BUCKET_DOMAIN = toUtf8('granary sync v1 bucket\0');
const ROOT_DOMAIN = toUtf8('granary sync v1 root\0');
const EMPTY_HASH = new Uint8Array(HASH_BYTES);

export interface TreeEntry {
  /** See {@link logKey}. */
  readonly key: Uint8Array;
  readonly tip: LogTip;
}

interface Bucket {
  /** Ascending by key. */
  readonly entries: readonly TreeEntry[];
  /** Undefined until somebody asks. */
  hash: Uint8Array | undefined;
}

export class TipTree {
  readonly #blake3: Blake3;
  readonly #buckets: Bucket[];
  #root: Uint8Array | undefined;

  private constructor(blake3: Blake3, buckets: Bucket[], root: Uint8Array | undefined) {
    this.#blake3 = blake3;
    this.#buckets = buckets;
    this.#root = root;
  }

  /** The tree of the given tips, one a log, in any order. */
  static of(blake3: Blake3, tips: Iterable<LogTip>): TipTree {
    const buckets: TreeEntry[][] = Array.from({ length: BUCKET_COUNT }, () => []);
    for (const tip of tips) {
      const key = logKey(blake3, tip.author, tip.logId);
      buckets[key[0]!]!.push({ key, tip });
    }
    for (const entries of buckets) entries.sort((left, right) => compareBytes(left.key, right.key));
    return new TipTree(
      blake3,
      buckets.map((entries) => ({ entries, hash: undefined })),
      undefined,
    );
  }

  /** A tree that changes on its own from here on. */
  copy(): TipTree {
    return new TipTree(this.#blake3, this.#buckets.slice(), this.#root);
  }

  /** 32 bytes. */
  get root(): Uint8Array {
    this.#root ??= this.#blake3(concatBytes([ROOT_DOMAIN, ...this.#buckets.map((_, index) => this.bucketHash(index))]));
    return this.#root;
  }

  /** 32 bytes; zeros for an empty bucket. */
  bucketHash(index: number): Uint8Array {
    const bucket = this.#buckets[index]!;
    bucket.hash ??= bucket.entries.length === 0 ? EMPTY_HASH : this.#blake3(encodeBucket(bucket.entries));
    return bucket.hash;
  }

  /** The entries of a bucket, ascending by key. */
  bucket(index: number): readonly TreeEntry[] {
    return this.#buckets[index]!.entries;
  }

  *entries(): Iterable<TreeEntry> {
    for (const bucket of this.#buckets) yield* bucket.entries;
  }

  get(author: Uint8Array, logId: Uint8Array): TreeEntry | undefined {
    return this.#find(logKey(this.#blake3, author, logId)).entry;
  }

  /** The log whose key starts with `hint`. Two logs of one hint take 2^32 hashes to make and harm their maker only. */
  findHint(hint: Uint8Array): TreeEntry | undefined {
    const entries = this.bucket(hint[0]!);
    const entry = entries[lowerBound(entries, hint)];
    return entry && compareBytes(entry.key.subarray(0, hint.length), hint) === 0 ? entry : undefined;
  }

  /** Puts the tip of a log in the place of the one before. */
  set(tip: LogTip): void {
    const key = logKey(this.#blake3, tip.author, tip.logId);
    const { at, entry } = this.#find(key);
    this.#replace(key[0]!, this.bucket(key[0]!).toSpliced(at, entry ? 1 : 0, { key, tip }));
  }

  /** Takes in that the log goes as far as `tip`, or ends by an earlier fork; what is known to be further stays. */
  advance(tip: LogTip): void {
    const known = this.get(tip.author, tip.logId)?.tip;
    const forkSeq = known?.forkSeq;
    if ((tip.forkSeq ?? Infinity) < (forkSeq ?? Infinity)) this.set(tip);
    else if (!known || known.seq < tip.seq) this.set({ ...tip, forkSeq });
  }

  delete(author: Uint8Array, logId: Uint8Array): void {
    const key = logKey(this.#blake3, author, logId);
    const { at, entry } = this.#find(key);
    if (entry) this.#replace(key[0]!, this.bucket(key[0]!).toSpliced(at, 1));
  }

  /** The logs of this tree whose tip is not the one that `other` has. */
  *changesFrom(other: TipTree): Iterable<{ readonly tip: LogTip; readonly before: LogTip | undefined }> {
    for (let index = 0; index < BUCKET_COUNT; index++) {
      if (this.#buckets[index] === other.#buckets[index]) continue;
      for (const { key, tip } of this.bucket(index)) {
        const before = other.#find(key).entry?.tip;
        if (!before || !isSameTip(before, tip)) yield { tip, before };
      }
    }
  }

  #find(key: Uint8Array): { readonly at: number; readonly entry: TreeEntry | undefined } {
    const entries = this.bucket(key[0]!);
    const at = lowerBound(entries, key);
    const entry = entries[at];
    return { at, entry: entry && compareBytes(entry.key, key) === 0 ? entry : undefined };
  }

  #replace(index: number, entries: readonly TreeEntry[]): void {
    this.#buckets[index] = { entries, hash: undefined };
    this.#root = undefined;
  }
}

const isSameTip = (left: LogTip, right: LogTip): boolean =>
  left.seq === right.seq && left.forkSeq === right.forkSeq && compareBytes(left.operationId, right.operationId) === 0;

/** The place of the first entry whose key is not before `key`. */
function lowerBound(entries: readonly TreeEntry[], key: Uint8Array): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(entries[middle]!.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function encodeBucket(entries: readonly TreeEntry[]): Uint8Array {
  const bytes = new Uint8Array(BUCKET_DOMAIN.length + entries.length * LEAF_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(BUCKET_DOMAIN);
  let offset = BUCKET_DOMAIN.length;
  for (const { key, tip } of entries) {
    bytes.set(key, offset);
    view.setBigUint64(offset + HASH_BYTES, BigInt(tip.seq + 1));
    view.setBigUint64(offset + HASH_BYTES + COUNT_BYTES, BigInt((tip.forkSeq ?? -1) + 1));
    bytes.set(tip.operationId, offset + HASH_BYTES + 2 * COUNT_BYTES);
    offset += LEAF_BYTES;
  }
  return bytes;
}
