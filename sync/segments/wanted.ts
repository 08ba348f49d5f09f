import { sealedByteCount } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';
import type { Transfer } from './transfer.ts';

/** A segment that somebody here waits for. */
export interface Wanted {
  readonly name: SealedName;
  /** Bytes of ciphertext that the caller expects; undefined when it does not know. */
  readonly expectedBytes: number | undefined;
  /** What comes first: the smaller. */
  size: number;
  /** Undefined while others come first. */
  transfer: Transfer | undefined;
  /** Peers that are not asked for it: they do not have it, or sent what it is not. */
  readonly excluded: Set<string>;
  waiters: number;
  isOver: boolean;
  readonly done: PromiseWithResolvers<void>;
}

/** `byteCount` is that of the opened segment. A segment whose size is not known comes first, to learn it. */
export function createWanted(name: SealedName, byteCount: number | undefined): Wanted {
  const expectedBytes = byteCount === undefined ? undefined : sealedByteCount(byteCount);
  const done = Promise.withResolvers<void>();
  // Whoever waits hears of a failure; when nobody does any more, nobody needs to.
  done.promise.catch(() => undefined);
  return {
    name,
    expectedBytes,
    size: expectedBytes ?? 0,
    transfer: undefined,
    excluded: new Set(),
    waiters: 0,
    isOver: false,
    done,
  };
}

/** How far a segment is, and what it waits for. */
export interface WantedStatus {
  readonly name: SealedName;
  /** Bytes of ciphertext that are verified and stored. */
  readonly haveBytes: number;
  /** Bytes of ciphertext; undefined until a peer or the caller told them. */
  readonly byteCount: number | undefined;
  /** `peer`: no connected peer has it. `turn`: smaller ones come first. Undefined while it is under way. */
  readonly waitsFor: 'peer' | 'turn' | undefined;
}
