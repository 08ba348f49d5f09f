/** Texts or binaries one after another: value i is `bytes[offsets[i] .. offsets[i + 1])`, and `offsets[0]` is 0. */
export interface TextValues {
  readonly kind: 'text';
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/** Negative, zero or positive as value `left` sorts before, with or after value `right`, by bytes. */
export function compareTexts(text: TextValues, left: number, right: number): number {
  const { offsets, bytes } = text;
  const a = offsets[left]!;
  const b = offsets[right]!;
  const aLength = offsets[left + 1]! - a;
  const bLength = offsets[right + 1]! - b;
  const common = Math.min(aLength, bLength);
  for (let k = 0; k < common; k++) {
    const difference = bytes[a + k]! - bytes[b + k]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}
