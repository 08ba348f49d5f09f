import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { GranaryError } from '#core/kernel/index.ts';
import type { Zstd } from '../zstd.ts';

/** Buffers behave differently from Uint8Arrays (slice shares memory): hand out none. */
const plain = (buffer: Buffer) => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

/** zstd of Node. */
export const nodeZstd: Zstd = {
  compress: (bytes, level = 3) =>
    plain(zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } })),
  decompress(bytes, byteCount) {
    const expanded = zstdDecompressSync(bytes, { maxOutputLength: Math.max(byteCount, 1) });
    if (expanded.length !== byteCount) throw new GranaryError('FORMAT_INVALID', 'A zstd frame has another length.');
    return plain(expanded);
  },
};
