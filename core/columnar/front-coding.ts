import { checkExpansion } from './expansion.ts';
import type { TextValues } from './text.ts';

/** Texts as what each shares with the one before, and the rest. */
export interface FrontCoded {
  /** Bytes that a text begins with like the one before: at most 255. */
  readonly shared: Uint8Array;
  readonly rests: TextValues;
}

const SHARED_MAX = 255;
/** Of all bytes, so many must be shared: else the lengths cost more than zstd saves. */
const SHARED_PART_MIN = 1 / 4;

/** Undefined when the texts share little, because they are not sorted. */
export function frontCode({ offsets, bytes }: TextValues): FrontCoded | undefined {
  const count = offsets.length - 1;
  const shared = new Uint8Array(count);
  const restOffsets = new Int32Array(count + 1);
  for (let i = 0; i < count; i++) {
    const start = offsets[i]!;
    const length = offsets[i + 1]! - start;
    const before = i === 0 ? start : offsets[i - 1]!;
    const most = Math.min(length, start - before, SHARED_MAX);
    let alike = 0;
    while (alike < most && bytes[before + alike] === bytes[start + alike]) alike++;
    shared[i] = alike;
    restOffsets[i + 1] = restOffsets[i]! + length - alike;
  }
  const restCount = restOffsets[count]!;
  if (bytes.length - restCount < bytes.length * SHARED_PART_MIN) return undefined;
  const rests = new Uint8Array(restCount);
  for (let i = 0; i < count; i++) {
    rests.set(bytes.subarray(offsets[i]! + shared[i]!, offsets[i + 1]), restOffsets[i]);
  }
  return { shared, rests: { kind: 'text', offsets: restOffsets, bytes: rests } };
}

/**
 * The reverse of {@link frontCode}; undefined when a text shares more than there is. Errors: `LIMIT_EXCEEDED` for more
 * than `bytesMax`.
 */
export function joinFronts({ shared, rests }: FrontCoded, bytesMax: number): TextValues | undefined {
  const count = rests.offsets.length - 1;
  if (shared.length !== count) return undefined;
  const offsets = new Int32Array(count + 1);
  let total = 0;
  let before = 0;
  for (let i = 0; i < count; i++) {
    if (shared[i]! > before) return undefined;
    before = shared[i]! + rests.offsets[i + 1]! - rests.offsets[i]!;
    total += before;
    offsets[i + 1] = total;
  }
  checkExpansion(total, bytesMax);
  const bytes = new Uint8Array(total);
  for (let i = 0; i < count; i++) {
    const start = offsets[i]!;
    if (shared[i]! > 0) bytes.copyWithin(start, offsets[i - 1]!, offsets[i - 1]! + shared[i]!);
    bytes.set(rests.bytes.subarray(rests.offsets[i]!, rests.offsets[i + 1]!), start + shared[i]!);
  }
  return { kind: 'text', offsets, bytes };
}
