/**
 * The proof that a node holds a sealed segment. Whoever asks chooses a nonce, and with it leaves that nobody could know
 * before; the answer is a hash over these leaves. It names the holder, so that one answer does not serve two of them. Only
 * who holds the segment, too, can check it: it makes the answer itself. A node that fetches the leaves to answer passes, as
 * it would pass any such test; that it goes on holding the segment is what it signs.
 */
import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { openSealedFile } from './sealed-file.ts';
import { nameToBytes, type SealedName } from './sealed-segment.ts';

/** Leaves that a proof reads: whoever lacks a fifth of the segment is found in 97 of 100 cases, for 256 KiB to read. */
export const PROOF_LEAVES = 16;
export const NONCE_BYTES = 32;

const PICK_LABEL = toUtf8('granary:pick:v1\0');
const HOLD_LABEL = toUtf8('granary:hold:v1\0');

export interface Challenge {
  /** {@link NONCE_BYTES} bytes, random for each question. */
  readonly nonce: Uint8Array;
  /** The public key of the device that answers. */
  readonly holder: Uint8Array;
  readonly name: SealedName;
}

/** The leaves to read: all when there are no more than {@link PROOF_LEAVES}, else so many, which may repeat. */
export function challengedLeaves(blake3: Blake3, { nonce, holder, name }: Challenge, leafCount: number): number[] {
  if (leafCount <= PROOF_LEAVES) return Array.from({ length: leafCount }, (_, leaf) => leaf);
  return Array.from({ length: PROOF_LEAVES }, (_, i) => {
    const hash = blake3(concatBytes([PICK_LABEL, nonce, holder, nameToBytes(name), Uint8Array.of(i)]));
    const view = new DataView(hash.buffer, hash.byteOffset);
    return Number(view.getBigUint64(0) % BigInt(leafCount));
  });
}

/** The proof, 32 bytes. Errors: `SEGMENT_CORRUPT` when `source` is not a whole sealed file, `IO_FAILED`. */
export async function provePossession(blake3: Blake3, source: ByteSource, challenge: Challenge): Promise<Uint8Array> {
  const { nonce, holder, name } = challenge;
  const { layout, readLeaf } = await openSealedFile(source, name);
  const parts = [HOLD_LABEL, nonce, holder, nameToBytes(name)];
  for (const leaf of challengedLeaves(blake3, challenge, layout.leafCount)) parts.push(await readLeaf(leaf));
  return blake3(concatBytes(parts));
}
