import type { RecordBatch } from 'apache-arrow';
import { type AbortOptions, throwIfAborted } from '#core/kernel/index.ts';
import { encodeRowGroup, type RowGroupOptions } from './encode-row-group.ts';
import type { EncodedRowGroup } from './segment-header.ts';

export interface EncodeOptions extends AbortOptions, RowGroupOptions {
  /** The caller gives the batch away: its buffers may be moved to another thread and are empty then. */
  readonly owned?: boolean | undefined;
}

/** Encodes row groups, on this thread or on others. */
export interface RowGroupEncoder extends AsyncDisposable {
  /** How many row groups it works on at once, at least 1. */
  readonly threadCount: number;
  /**
   * Encodes and verifies a row group; leaves the batch as it is unless it is `owned`. Errors: those of `encodeRowGroup`, `CANCELLED`,
   * `LIMIT_EXCEEDED` when far more row groups wait than it works on, `INTERNAL` when a thread died.
   */
  encode(batch: RecordBatch, options?: EncodeOptions): Promise<EncodedRowGroup>;
}

/** Encodes on the calling thread. */
export function createInlineRowGroupEncoder(): RowGroupEncoder {
  return {
    threadCount: 1,
    async encode(batch, { signal, bounded } = {}) {
      throwIfAborted(signal);
      return encodeRowGroup(batch, { bounded });
    },
    async [Symbol.asyncDispose]() {},
  };
}
