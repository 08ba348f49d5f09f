/** What reconciliation needs from outside: operations that are kept, what was agreed with whom, and a line to a peer. */
import type { Agreement } from './agreement.ts';
import type { LogTip } from './log-tip.ts';
import type { MissingReason } from './refusal.ts';

/** What became of one operation. Stored and known operations tell their own place, which need not be the end of the log. */
export type AppendOutcome =
  | { readonly outcome: 'stored'; readonly operation: LogTip; readonly arrival: number }
  | { readonly outcome: 'known'; readonly operation: LogTip }
  | { readonly outcome: 'refused'; readonly reason: Exclude<MissingReason, 'fork'> }
  /** The place is taken. The store keeps the proof and may change what it gives as the tip of this log. */
  | { readonly outcome: 'fork'; readonly tip: LogTip };

/** One operation by its place, in the order in which operations came to this store. */
export interface Arrival {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  readonly seq: number;
}

/** The operations of one space, as one access view sees them. */
export interface OperationStore {
  /** Random bytes that are new whenever the store was made, restored or emptied. */
  readonly incarnation: Uint8Array;
  /** The tips of all logs, in any order. */
  tips(): AsyncIterable<LogTip>;
  tip(author: Uint8Array, logId: Uint8Array): Promise<LogTip | undefined>;
  /** The raw bytes of a log from `seqStart` (inclusive) on, in order. */
  operationsFrom(author: Uint8Array, logId: Uint8Array, seqStart: number): AsyncIterable<Uint8Array>;
  /** The bytes that the operations from `seqStart` to `seqEnd` (both inclusive) have together. */
  byteCount(author: Uint8Array, logId: Uint8Array, seqStart: number, seqEnd: number): Promise<number>;
  /** The number of the last arrival; 0 in an empty store. */
  lastArrival(): Promise<number>;
  /** Arrivals with a greater number than `after`, in order. */
  arrivalsAfter(after: number): AsyncIterable<Arrival>;
  /** Checks and keeps one operation. Once this returns `stored`, the operation survives a crash. */
  append(bytes: Uint8Array): Promise<AppendOutcome>;
}

/** Remembers the last agreement with each peer about each space. Losing one costs bytes, nothing else. */
export interface AgreementStore {
  get(peerId: Uint8Array, spaceId: Uint8Array): Promise<Agreement | undefined>;
  put(peerId: Uint8Array, spaceId: Uint8Array, agreement: Agreement): Promise<void>;
}

/** A reliable line to one peer that carries whole frames in order. */
export interface FrameChannel {
  /** Resolves when the line took the frame; a slow reader on the other side makes it wait. */
  send(frame: Uint8Array): Promise<void>;
  /** The frames of the other side; ends when that side closes. Read once. */
  receive(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}
