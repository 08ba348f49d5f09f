/**
 * What files that are being received may take on the disk. A file is counted whole from its start, as its transfer would
 * else stop in the middle with others that wait for the same place.
 */
import { sealedLayout } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';

/** Bytes that the file of a segment takes while it is received. `byteCount` is that of the ciphertext. */
export function partialFileBytes(byteCount: number): number {
  const layout = sealedLayout(byteCount);
  return layout ? layout.fileBytes + layout.bitmapBytes : 0;
}

export interface DiskBudget {
  readonly bytesMax: number;
  has(name: SealedName): boolean;
  /** Bytes over the budget if the file of the segment were begun; not above 0 when it may be. */
  excess(name: SealedName, byteCount: number): number;
  /** Counts a file of so many bytes, in place of what was counted for the segment before. */
  hold(name: SealedName, byteCount: number): void;
  free(name: SealedName): void;
  /** What is counted, in the order it was. */
  held(): Iterable<readonly [SealedName, number]>;
}

export function createDiskBudget(bytesMax: number): DiskBudget {
  const held = new Map<SealedName, number>();
  let total = 0;
  const free = (name: SealedName) => {
    total -= held.get(name) ?? 0;
    held.delete(name);
  };
  return {
    bytesMax,
    has: (name) => held.has(name),
    excess: (name, byteCount) => total - (held.get(name) ?? 0) + byteCount - bytesMax,
    hold(name, byteCount) {
      free(name);
      held.set(name, byteCount);
      total += byteCount;
    },
    free,
    held: () => held.entries(),
  };
}
