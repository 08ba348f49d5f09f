import type { ErrorCode } from '#core/kernel/index.ts';
import type { EngineError } from '../sql-error.ts';

/** What the thread is started with. */
export type PgliteStart = { readonly directory: string } | { readonly memory: true };

/** One call. The thread is sent the next one only after it has answered. */
export type PgliteRequest =
  | { readonly kind: 'query'; readonly text: string; readonly parameters: readonly (string | null)[] }
  | { readonly kind: 'exec'; readonly script: string }
  | { readonly kind: 'copyIn'; readonly statement: string; readonly data: Uint8Array }
  | { readonly kind: 'copyOut'; readonly statement: string; readonly flow: SharedArrayBuffer }
  | { readonly kind: 'close' };

/** The rest of a result that its reader was too slow for, in a file without a name. */
export interface Spill {
  readonly fd: number;
  readonly byteCount: number;
}

export type PgliteReply =
  | { readonly kind: 'done'; readonly rows: readonly Record<string, unknown>[]; readonly command: string }
  | { readonly kind: 'copied'; readonly spill: Spill | null }
  | { readonly kind: 'refused'; readonly error: EngineError }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }
  /** The engine cannot go on. */
  | { readonly kind: 'broken'; readonly message: string };

/** A piece of the result of a `copyOut`, sent before its reply. */
export interface PgliteChunk {
  readonly kind: 'chunk';
  readonly bytes: Uint8Array;
}

/** 32-bit cells of `flow`: bytes sent and not read yet; 1 once the reader has left. */
export const FLOW_UNREAD = 0;
export const FLOW_ABANDONED = 1;
export const FLOW_BYTES = 8;
