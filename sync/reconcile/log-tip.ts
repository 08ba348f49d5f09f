import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';

/** How far one log goes. */
export interface LogTip {
  /** Public key, 32 bytes. */
  readonly author: Uint8Array;
  /** 32 bytes. */
  readonly logId: Uint8Array;
  /** Of its last operation, from 0 to 2^32 - 1; -1 when only a proof of its fork is here. */
  readonly seq: number;
  /** 32 bytes; zeros when there is no operation. */
  readonly operationId: Uint8Array;
  /** The least seq that its author is proven to have signed twice: no operation counts from there on. */
  readonly forkSeq: number | undefined;
}

/** What stands for the id of the last operation where there is none. */
export const NO_OPERATION = new Uint8Array(32);

/** The operations of a log, and as one item more, behind them, the proof of its fork. */
export const itemCount = ({ seq, forkSeq }: LogTip): number => seq + 1 + (forkSeq === undefined ? 0 : 1);

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
