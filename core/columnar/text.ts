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

export function lengthsOf(text: TextValues): Int32Array {
  const lengths = new Int32Array(text.offsets.length - 1);
  for (let i = 0; i < lengths.length; i++) lengths[i] = text.offsets[i + 1]! - text.offsets[i]!;
  return lengths;
}

/** The least byte that the bytes do not hold. */
export function freeByte(bytes: Uint8Array): number | undefined {
  const seen = new Uint8Array(256);
  for (let i = 0; i < bytes.length; i++) seen[bytes[i]!] = 1;
  const free = seen.indexOf(0);
  return free < 0 ? undefined : free;
}

/** The values one after another, each with the terminator behind it. */
export function terminated({ offsets, bytes }: TextValues, terminator: number): Uint8Array {
  const result = new Uint8Array(bytes.length + offsets.length - 1).fill(terminator);
  for (let i = 0; i + 1 < offsets.length; i++) {
    const end = offsets[i + 1]!;
    for (let at = offsets[i]!; at < end; at++) result[at + i] = bytes[at]!;
  }
  return result;
}

/** The reverse of {@link terminated}; undefined when there are not `count` values. */
export function cutTerminated(joined: Uint8Array, terminator: number, count: number): TextValues | undefined {
  if (joined.length < count) return undefined;
  const offsets = new Int32Array(count + 1);
  const bytes = new Uint8Array(joined.length - count);
  let cut = 0;
  for (let at = 0; at < joined.length; at++) {
    const byte = joined[at]!;
    if (byte !== terminator) {
      if (at - cut >= bytes.length) return undefined;
      bytes[at - cut] = byte;
    } else {
      cut += 1;
      if (cut > count) return undefined;
      offsets[cut] = at + 1 - cut;
    }
  }
  return cut === count && (count === 0 || joined.at(-1) === terminator) ? { kind: 'text', offsets, bytes } : undefined;
}
