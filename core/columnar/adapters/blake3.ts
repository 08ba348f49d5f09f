import { setImmediate } from 'node:timers/promises';
import { createBLAKE3 } from 'hash-wasm';
import { type AbortOptions, type SegmentHash, throwIfAborted } from '#core/kernel/index.ts';
import type { SegmentHasher } from '../segment-hasher.ts';

/** BLAKE3-256 in WASM. */
export async function createBlake3Hasher(): Promise<SegmentHasher> {
  const state = await createBLAKE3();
  return {
    update: (bytes) => void state.update(bytes),
    digest: () => state.digest('hex') as SegmentHash,
  };
}

/** At about 200 MB/s a piece of this size holds up the event loop for some 5 ms. */
const PIECE_BYTES = 2 ** 20;

/** BLAKE3-256 of bytes; lets other work of the thread run in between. Errors: `CANCELLED`. */
export async function blake3(bytes: Uint8Array, { signal }: AbortOptions = {}): Promise<SegmentHash> {
  const hasher = await createBlake3Hasher();
  for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
    hasher.update(bytes.subarray(offset, offset + PIECE_BYTES));
    await setImmediate();
    throwIfAborted(signal);
  }
  return hasher.digest();
}
