import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { GranaryError } from '#core/kernel/index.ts';
import type { Zstd } from '../zstd.ts';

/** Buffers behave differently from Uint8Arrays (slice shares memory): hand out none. */
const plain = (buffer: Buffer) => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

/** zstd of Node, at level 3: the level that Parquet writers use, so that sizes compare. */
export const nodeZstd: Zstd = {
  compress: (bytes) => plain(zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 3 } })),
  decompress(bytes, byteCount) {
    const expanded = zstdDecompressSync(bytes, { maxOutputLength: Math.max(byteCount, 1) });
    if (expanded.length !== byteCount) throw new GranaryError('FORMAT_INVALID', 'A zstd frame has another length.');
    return plain(expanded);
  },
};
