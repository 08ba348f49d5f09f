import { GranaryError } from '#core/kernel/index.ts';
import { DECODED_BYTES_PER_ROW, EXPANDED_BYTES_FREE, EXPANSION_MAX } from './limits.ts';

/** What `storedByteCount` bytes of a file may expand to, or the caller's budget when that is less. Bytes. */
export const expansionMax = (storedByteCount: number, budget = Number.POSITIVE_INFINITY): number =>
  Math.min(budget, EXPANDED_BYTES_FREE + EXPANSION_MAX * storedByteCount);

/** Errors: `LIMIT_EXCEEDED`. To be called before the bytes are allocated. */
export function checkExpansion(byteCount: number, bytesMax: number): void {
  if (byteCount <= bytesMax) return;
  throw new GranaryError('LIMIT_EXCEEDED', `A chunk expands to ${byteCount} bytes; at most ${bytesMax} are accepted.`, {
    limit: bytesMax,
  });
}

/**
 * The most memory that decoding a chunk of `rowCount` rows and `unitByteCount` bytes takes at any one time, in bytes:
 * what expands is held up to four times (as pieces, joined, aligned, and spread over the rows). A chunk with a section
 * through the model takes `MODEL_BYTES_MAX` besides.
 */
export const decodingBytesMax = (rowCount: number, unitByteCount: number, budget?: number): number =>
  DECODED_BYTES_PER_ROW * (rowCount + 4096) + 4 * expansionMax(unitByteCount, budget);
