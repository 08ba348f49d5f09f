import { sealedByteCount } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';
import type { Transfer } from './transfer.ts';

/** Who waits: a person that asked for it now comes before what the node fetches ahead. */
export type Urgency = 'person' | 'background';

/** A segment that somebody here waits for. */
export interface Wanted {
  readonly name: SealedName;
  /** Bytes of ciphertext that the caller expects; undefined when it does not know. */
  readonly expectedBytes: number | undefined;
  /** Bytes of ciphertext; undefined until a peer or the caller told them. */
  byteCount: number | undefined;
  urgency: Urgency;
  /** What comes first: the smaller. Bytes of all that is waited for with it, 0 while nothing is known. */
  size: number;
  /** True when `size` was given, and is not that of the segment alone. */
  readonly isPartOfWhole: boolean;
  /** Undefined while others come first. */
  transfer: Transfer | undefined;
  /** Peers that are not asked for it: they do not have it, or sent what it is not. */
  readonly excluded: Set<string>;
  waiters: number;
  isOver: boolean;
  readonly done: PromiseWithResolvers<void>;
}

export interface WantedSizes {
  /** Bytes of the opened segment. */
  readonly byteCount?: number | undefined;
  /** Bytes of all that is waited for with it, such as the segments of an asset. */
  readonly wholeBytes?: number | undefined;
}

/** A segment whose size is not known comes first among its like, to learn it. */
export function createWanted(name: SealedName, urgency: Urgency, { byteCount, wholeBytes }: WantedSizes): Wanted {
  const expectedBytes = byteCount === undefined ? undefined : sealedByteCount(byteCount);
  const done = Promise.withResolvers<void>();
  // Whoever waits hears of a failure; when nobody does any more, nobody needs to.
  done.promise.catch(() => undefined);
  return {
    name,
    expectedBytes,
    byteCount: expectedBytes,
    urgency,
    size: wholeBytes ?? expectedBytes ?? 0,
    isPartOfWhole: wholeBytes !== undefined,
    transfer: undefined,
    excluded: new Set(),
    waiters: 0,
    isOver: false,
    done,
  };
}

/** The order in which segments come: what a person asked for, then the smaller. */
export const comesBefore = (left: Wanted, right: Wanted): boolean =>
  left.urgency === right.urgency ? left.size < right.size : left.urgency === 'person';

/** How far a segment is, and what it waits for. */
export interface WantedStatus {
  readonly name: SealedName;
  readonly urgency: Urgency;
  /** Bytes of ciphertext that are verified and stored. */
  readonly haveBytes: number;
  /** Bytes of ciphertext; undefined until a peer or the caller told them. */
  readonly byteCount: number | undefined;
  /**
   * `peer`: no connected peer has it, or none that answers. `turn`: others come first. `disk`: there is no place for its file beside those that
   * are being received. `budget`: as many bytes a second as are allowed came already. Undefined while it is under way.
   */
  readonly waitsFor: 'peer' | 'turn' | 'disk' | 'budget' | undefined;
}
