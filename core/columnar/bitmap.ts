/** Bitmaps as in Arrow: one bit a row, lowest bit of the first byte first. */

/** Bits `offset` (inclusive) to `offset + count` (exclusive), moved to the front; spare bits of the last byte are zero. */
export function copyBits(bits: Uint8Array, offset: number, count: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array((count + 7) >> 3);
  const first = offset >> 3;
  const shift = offset & 7;
  if (shift === 0) copy.set(bits.subarray(first, first + copy.length));
  else {
    for (let i = 0; i < copy.length; i++) {
      copy[i] = (bits[first + i]! >> shift) | ((bits[first + i + 1] ?? 0) << (8 - shift));
    }
  }
  if (count & 7) copy[copy.length - 1]! &= (1 << (count & 7)) - 1;
  return copy;
}

/** Writes `count` bits of `source` (from bit 0) into `target` at bit `offset`; `target` must be zero there. */
export function putBits(target: Uint8Array, offset: number, source: Uint8Array, count: number): void {
  const first = offset >> 3;
  const shift = offset & 7;
  const byteCount = (count + 7) >> 3;
  for (let i = 0; i < byteCount; i++) {
    const byte = i === byteCount - 1 && count & 7 ? source[i]! & ((1 << (count & 7)) - 1) : source[i]!;
    target[first + i]! |= byte << shift;
    if (shift > 0 && byte >> (8 - shift) !== 0) target[first + i + 1]! |= byte >> (8 - shift);
  }
}

const POPULATION = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
});

/** How many bits are set; spare bits must be zero. */
export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bits.length; i++) count += POPULATION[bits[i]!]!;
  return count;
}
