/** Which leaves of a segment are there: the bitmap at the end of a file that is being received. */
export interface LeafSet {
  /** Bit `i % 8` of byte `i >> 3` stands for leaf i. Not a copy. */
  readonly bytes: Uint8Array;
  readonly count: number;
  has(leaf: number): boolean;
  add(leaf: number): void;
  delete(leaf: number): void;
}

/** Takes over the bitmap; bits beyond `leafCount` are cleared. */
export function createLeafSet(bytes: Uint8Array, leafCount: number): LeafSet {
  const mask = (leaf: number) => 1 << (leaf & 7);
  const has = (leaf: number) => (bytes[leaf >> 3]! & mask(leaf)) !== 0;
  for (let leaf = leafCount; leaf < bytes.length * 8; leaf++) bytes[leaf >> 3]! &= ~mask(leaf);
  let count = 0;
  for (let leaf = 0; leaf < leafCount; leaf++) if (has(leaf)) count += 1;
  return {
    bytes,
    get count() {
      return count;
    },
    has,
    add(leaf) {
      if (has(leaf)) return;
      bytes[leaf >> 3]! |= mask(leaf);
      count += 1;
    },
    delete(leaf) {
      if (!has(leaf)) return;
      bytes[leaf >> 3]! &= ~mask(leaf);
      count -= 1;
    },
  };
}
