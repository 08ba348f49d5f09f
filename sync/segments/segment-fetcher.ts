import type { AbortOptions, Clock } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import type { FrameFault, RefusalReason } from './frames.ts';
import type { Wait } from '#core/kernel/index.ts';
import type { FrameChannel, SealedFolder } from './ports.ts';
import type { SealedName } from './sealed-segment.ts';
import type { Urgency, WantedSizes, WantedStatus } from './wanted.ts';

/**
 * What is counted of a peer. Of a segment that it sent wrong (`root-wrong`, `page-wrong`, `leaf-wrong`, `short`) it is not
 * asked for anything again; frames that cannot be or were not asked for end the connection.
 */
export type FetchEvent =
  | 'root-wrong'
  | 'page-wrong'
  | 'leaf-wrong'
  | 'short'
  | RefusalReason
  | FrameFault['reason']
  | 'unasked'
  | 'silent'
  | 'stolen'
  | 'unneeded'
  | 'leaf-stored';

/** What fetching may use; a missing field is no limit. */
export interface FetchBudget {
  /** Bytes a second from all peers together, frames included; after a pause as many at once. */
  readonly bytesPerSecond?: number;
  /**
   * Bytes of the files that are being received, also those that earlier transfers left. Of these, what nobody waits for or
   * no peer has makes room for others.
   */
  readonly partialBytes?: number;
}

export interface FetchOptions extends AbortOptions, WantedSizes {
  /** `background` when not given. The more urgent of several calls counts. */
  readonly urgency?: Urgency;
}

export interface FetchDeps {
  readonly budget?: FetchBudget;
  readonly folder: SealedFolder;
  readonly blake3: Blake3;
  readonly clock: Clock;
  readonly wait: Wait;
  readonly count: (event: FetchEvent, peerId: string) => void;
}

export interface SegmentFetcher {
  /**
   * Resolves once the sealed file is whole and on the disk. `byteCount` is that of the opened segment, for whoever has its
   * record. It waits for peers as long as it takes; what is there stays for the next call.
   * Errors: `SEGMENT_CORRUPT` when the record names another size, `LIMIT_EXCEEDED` when its file alone is over the budget,
   * `DISK_FULL`, `IO_FAILED`, `CANCELLED`.
   */
  fetch(name: SealedName, options?: FetchOptions): Promise<void>;
  /**
   * Asks this peer, too, until its channel ends; an earlier channel of it is closed. A peer that did not have a segment is
   * asked for it again.
   */
  addPeer(peerId: string, channel: FrameChannel): void;
  /** Peers may have got since what none of them had: they are asked for it again. */
  askAgain(): void;
  /** All that is waited for, in the order in which it comes. */
  status(): WantedStatus[];
  /** Ends every transfer with `CANCELLED` and every channel. */
  close(): Promise<void>;
}
