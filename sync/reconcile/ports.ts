/** What reconciliation needs from outside: operations that are kept, what was agreed with whom, and a line to a peer. */
import type { Agreement } from './agreement.ts';
import type { LogTip } from './log-tip.ts';
import type { MissingReason } from './refusal.ts';

/** What became of one operation, or of the proof of a fork. */
export type AppendOutcome =
  /** `tip` is the log up to this operation, which need not be its end; after a proof, the log as it is now. */
  | { readonly outcome: 'stored' | 'known'; readonly tip: LogTip }
  /** Its author signed another operation for its place, or for the one before. `tip` is the log as it is now. */
  | { readonly outcome: 'fork'; readonly tip: LogTip }
  | { readonly outcome: 'refused'; readonly reason: MissingReason };

/** A log that changed in this store. */
export interface Arrival {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  /** The first operation that is new, or that counts no more. */
  readonly seq: number;
}

/** The operations of one space, as one access view sees them. */
export interface OperationStore {
  /** Random bytes that are new whenever the store was made, restored or emptied. */
  readonly incarnation: Uint8Array;
  /** The tips of all logs, in any order; a tip with neither operation nor fork is none. */
  tips(): AsyncIterable<LogTip>;
  tip(author: Uint8Array, logId: Uint8Array): Promise<LogTip | undefined>;
  /** The raw bytes of a log from `seqStart` (inclusive) on, in order; of pruned operations, their headers. */
  operationsFrom(author: Uint8Array, logId: Uint8Array, seqStart: number): AsyncIterable<Uint8Array>;
  /** The bytes that the operations from `seqStart` to `seqEnd` (both inclusive) have together. */
  byteCount(author: Uint8Array, logId: Uint8Array, seqStart: number, seqEnd: number): Promise<number>;
  /** The id of one operation; undefined when the log does not go as far. */
  operationId(author: Uint8Array, logId: Uint8Array, seq: number): Promise<Uint8Array | undefined>;
  /** The proof of the fork in which the log ends; undefined when it does not. */
  forkProof(author: Uint8Array, logId: Uint8Array): Promise<Uint8Array | undefined>;
  /** Logs of a lower rank are sent first: what others must know before they accept the rest. */
  rank(author: Uint8Array, logId: Uint8Array): number;
  /** The number of the last arrival; 0 in an empty store. */
  lastArrival(): Promise<number>;
  /** Arrivals with a greater number than `after`, in order. */
  arrivalsAfter(after: number): AsyncIterable<Arrival>;
  /**
   * Checks and keeps operations and proofs of forks, in order, and says for each what became of it. Once this returns,
   * what is `stored` survives a crash; the bytes are kept.
   */
  append(operations: readonly Uint8Array[]): Promise<AppendOutcome[]>;
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
