import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';

/** The last operation of one log. */
export interface LogTip {
  /** Public key, 32 bytes. */
  readonly author: Uint8Array;
  /** 32 bytes. */
  readonly logId: Uint8Array;
  /** From 0 to 2^32 - 1. */
  readonly seq: number;
  /** 32 bytes. */
  readonly operationId: Uint8Array;
}

const LOG_KEY = toUtf8('granary sync v1 log key\0');

/** What a log is sorted by: 32 bytes that nobody can choose. The first byte is its bucket, the first eight its hint. */
export const logKey = (blake3: Blake3, author: Uint8Array, logId: Uint8Array): Uint8Array =>
  blake3(concatBytes([LOG_KEY, author, logId]));

/** Negative, zero or positive as `left` comes before, is, or comes after `right`; a prefix comes first. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
  return left.length - right.length;
}
