import { BUCKET_COUNT } from './tip-tree.ts';

/** Buckets as bits: bucket `b` is bit `b % 8`, lowest first, of byte `b / 8`. */
export function encodeBucketSet(buckets: Iterable<number>): Uint8Array {
  const bits = new Uint8Array(BUCKET_COUNT / 8);
  for (const bucket of buckets) bits[bucket >> 3]! |= 1 << (bucket & 7);
  return bits;
}

/** Ascending. */
export function decodeBucketSet(bits: Uint8Array): readonly number[] {
  return Array.from({ length: BUCKET_COUNT }, (_, bucket) => bucket).filter(
    (bucket) => (bits[bucket >> 3]! >> (bucket & 7)) & 1,
  );
}
