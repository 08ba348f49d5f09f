import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';

const BINDING_LABEL = toUtf8('granary stream binding 1\0');

export interface BoundStream {
  /** Public key of the device that opened the stream. */
  readonly opener: Uint8Array;
  /** Public key of the device that took it. */
  readonly taker: Uint8Array;
  readonly protocol: string;
  /** 32 bytes that only the two ends of the line have in common, new for each line. */
  readonly lineSecret: Uint8Array;
  /** What tells the stream from others of its line, equal on both sides. */
  readonly streamId: string;
}

/** The 32 bytes that both sides of a stream come to, and nobody on any other stream. */
export const streamBinding = (blake3: Blake3, { opener, taker, protocol, lineSecret, streamId }: BoundStream) =>
  blake3(concatBytes([BINDING_LABEL, opener, taker, lineSecret, toUtf8(`${streamId}\0${protocol}`)]));
