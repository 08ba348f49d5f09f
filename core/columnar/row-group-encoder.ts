import type { RecordBatch } from 'apache-arrow';
import { type AbortOptions, throwIfAborted } from '#core/kernel/index.ts';
import { encodeRowGroup } from './encode-row-group.ts';
import type { EncodedRowGroup } from './segment-header.ts';

/** Encodes row groups, on this thread or on others. */
export interface RowGroupEncoder extends AsyncDisposable {
  /** How many row groups it works on at once, at least 1. */
  readonly threadCount: number;
  /**
   * Encodes and verifies a row group; does not change the batch. Errors: those of `encodeRowGroup`, `CANCELLED`,
   * `LIMIT_EXCEEDED` when far more row groups wait than it works on, `INTERNAL` when a thread died.
   */
  encode(batch: RecordBatch, options?: AbortOptions): Promise<EncodedRowGroup>;
}

/** Encodes on the calling thread. */
export function createInlineRowGroupEncoder(): RowGroupEncoder {
  return {
    threadCount: 1,
    async encode(batch, { signal } = {}) {
      throwIfAborted(signal);
      return encodeRowGroup(batch);
    },
    async [Symbol.asyncDispose]() {},
  };
}
