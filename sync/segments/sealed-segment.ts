/**
 * What whoever may read a segment has to know of it. The record belongs into a manifest that is encrypted itself: it holds
 * the key. As bytes it is 104 of them, in the order of the fields, the size as u64, big endian.
 */
import { concatBytes, GranaryError, type SegmentHash, toHex } from '#core/kernel/index.ts';
import { sealedByteCount, SEALED_BYTES_MAX } from './sealed-layout.ts';

declare const brand: unique symbol;

/** The hash of the root of a sealed segment, 64 lower-case hexadecimal digits. It tells nothing of the segment. */
export type SealedName = string & { readonly [brand]: 'SealedName' };

export const isSealedName = (text: string): text is SealedName => /^[0-9a-f]{64}$/.test(text);

export const SEAL_KEY_BYTES = 32;
const NAME_BYTES = 32;
const HASH_END = NAME_BYTES + SEAL_KEY_BYTES + 32;
const RECORD_BYTES = HASH_END + 8;

export interface SealedSegment {
  readonly name: SealedName;
  /** {@link SEAL_KEY_BYTES} bytes, used for this segment alone. */
  readonly key: Uint8Array;
  /** What the opened segment must be. */
  readonly hash: SegmentHash;
  /** Bytes of the opened segment. */
  readonly byteCount: number;
}

export const nameToBytes = (name: SealedName): Uint8Array =>
  Uint8Array.from(hexPairs(name), (pair) => parseInt(pair, 16));

const hexPairs = (digits: string): string[] => digits.match(/../g) ?? [];

export function encodeSealedSegment({ name, key, hash, byteCount }: SealedSegment): Uint8Array {
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(byteCount));
  const hashBytes = Uint8Array.from(hexPairs(hash), (pair) => parseInt(pair, 16));
  return concatBytes([nameToBytes(name), key, hashBytes, size]);
}

/** Errors: `FORMAT_INVALID` for another length or a size over the limit. */
export function decodeSealedSegment(bytes: Uint8Array): SealedSegment {
  const byteCount =
    bytes.length === RECORD_BYTES ? Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(HASH_END)) : NaN;
  if (!(sealedByteCount(byteCount) <= SEALED_BYTES_MAX)) {
    throw new GranaryError(
      'FORMAT_INVALID',
      `A record of a sealed segment has ${bytes.length} bytes or a size that is over the limit. Ask its author for another.`,
      { byteCount: bytes.length },
    );
  }
  return {
    name: toHex(bytes.subarray(0, NAME_BYTES)) as SealedName,
    key: bytes.slice(NAME_BYTES, NAME_BYTES + SEAL_KEY_BYTES),
    hash: toHex(bytes.subarray(NAME_BYTES + SEAL_KEY_BYTES, HASH_END)) as SegmentHash,
    byteCount,
  };
}
