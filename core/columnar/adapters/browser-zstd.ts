import { decompress } from 'fzstd';
import { GranaryError } from '#core/kernel/index.ts';
import type { Zstd } from '../zstd.ts';

/** RFC 8878, section 3.1.1.2: a block of at least four bytes (an RLE block) becomes at most 128 KiB. */
const BLOCK_BYTES_MIN = 4;
const BLOCK_BYTES_MAX = 128 * 1024;

const invalid = (message: string, cause?: unknown) => new GranaryError('FORMAT_INVALID', message, {}, { cause });

/**
 * zstd in plain JavaScript, for browsers: it needs no set-up, no WASM and nothing of a page's security policy. It only
 * expands.
 */
export const browserZstd: Zstd = {
  compress() {
    throw new GranaryError('UNSUPPORTED', 'Segments cannot be written here: no zstd is installed that compresses.');
  },
  decompress(bytes, byteCount) {
    if (byteCount > Math.ceil(bytes.length / BLOCK_BYTES_MIN) * BLOCK_BYTES_MAX)
      throw invalid(`A zstd frame of ${bytes.length} bytes cannot expand to ${byteCount}.`);
    // Into a buffer of the promised size: a frame that says it is larger gets no memory. A frame that is smaller leaves
    // zeros, which the checksum of the chunk finds.
    const expanded = new Uint8Array(byteCount);
    let result: Uint8Array;
    try {
      result = decompress(bytes, expanded);
    } catch (error) {
      throw invalid('A zstd frame is damaged.', error);
    }
    if (result.length !== byteCount) throw invalid('A zstd frame has another length.');
    return expanded;
  },
};
