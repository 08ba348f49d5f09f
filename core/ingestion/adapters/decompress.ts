import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { GranaryError } from '#core/kernel/index.ts';
import { STEP_BYTES } from '../limits.ts';
import { zstdFrames } from './zstd-frames.ts';

export type Compression = 'gzip' | 'zstd';

/** How these bytes are compressed, by their magic number; undefined when they are not. */
export function compressionOf(head: Uint8Array): Compression | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd';
  return undefined;
}

/**
 * The decompressed bytes, streaming: what the content may grow to does not matter for memory. Files of several members
 * or frames one after another are read whole. Errors: `FILE_TRUNCATED`, `FILE_FORMAT`.
 */
export async function* decompress(
  name: string,
  compression: Compression,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const input = Readable.from(compression === 'zstd' ? zstdFrames(name, source) : source, {
    objectMode: false,
    highWaterMark: STEP_BYTES,
  });
  const options = { chunkSize: 65_536 };
  const decompressor = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  // The error reaches the reader through the decompressor; the callback is what makes the pipeline not throw.
  const output = pipeline(input, decompressor, () => undefined);
  try {
    for await (const chunk of output) yield chunk as Uint8Array;
  } catch (error) {
    throw asFileError(name, error);
  }
}

function asFileError(name: string, error: unknown): unknown {
  if (error instanceof GranaryError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'Z_BUF_ERROR') {
    return new GranaryError(
      'FILE_TRUNCATED',
      `${name} ends in the middle of its compressed data. Copy or download it again.`,
      { source: name },
      { cause: error },
    );
  }
  return new GranaryError(
    'FILE_FORMAT',
    `${name} holds damaged compressed data (${(error as Error).message}).`,
    { source: name },
    { cause: error },
  );
}
