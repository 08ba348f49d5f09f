import type { ErrorCode, ErrorDetails } from '#core/kernel/index.ts';

export type BinaryFormat = 'parquet' | 'arrow-file' | 'arrow-stream';

/** What the decoding thread is started with. */
export interface BinaryFile {
  readonly format: BinaryFormat;
  /** The file as the caller named it, for messages. */
  readonly name: string;
  /** The copy to read. */
  readonly path: string;
}

/**
 * What the decoding thread answers to each request: a piece is an Arrow IPC stream, the first with the schema alone,
 * each further one with record batches.
 */
export type BinaryReply =
  | { readonly kind: 'piece'; readonly ipc: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails };
