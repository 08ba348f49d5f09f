import type { DecodeMemory } from './decode-memory.ts';
import { scaled } from './int64.ts';
import { integerBytes } from './integer-values.ts';
import { bytesOf, viewAs } from './words.ts';

/** Integers as a chunk carries them: number i is `base + divisor * values[i]`, in 64 bits that wrap around. */
export interface CarriedIntegers {
  readonly values: Uint8Array | Uint16Array | Uint32Array | BigInt64Array;
  readonly base: bigint;
  readonly divisor: number;
}

const TWO_32 = 2 ** 32;

/** The integers themselves, in 64 bits. */
export function toInt64(carried: CarriedIntegers, memory: DecodeMemory): BigInt64Array {
  const { values, base, divisor } = carried;
  if (values instanceof BigInt64Array) {
    if (base === 0n && divisor === 1) return values;
    const start = Number(base);
    const restored = Number.isSafeInteger(start) ? scaled(values, divisor, start) : undefined;
    return restored ?? values.map((value) => base + value * BigInt(divisor));
  }
  const result = viewAs(memory.bytes(values.length * 8), BigInt64Array);
  const start = exactStart(carried);
  if (start === undefined) {
    for (let i = 0; i < values.length; i++) result[i] = base + BigInt(values[i]!) * BigInt(divisor);
    return result;
  }
  const words = new Int32Array(result.buffer, result.byteOffset, values.length * 2);
  for (let i = 0, at = 0; i < values.length; i++, at += 2) {
    const value = start + values[i]! * divisor;
    words[at] = value | 0;
    words[at + 1] = Math.floor(value / TWO_32);
  }
  return result;
}

/**
 * The integers cut to `width` bytes each (1, 2, 4, 8) or sign-extended (16, 32); what is cut the checksum finds. Shares
 * memory with the carried values where these are the bytes already.
 */
export function toBytes(carried: CarriedIntegers, width: number, memory: DecodeMemory): Uint8Array {
  const { values, divisor } = carried;
  const start = exactStart(carried);
  if (values instanceof BigInt64Array || start === undefined || width >= 8) {
    return integerBytes(toInt64(carried, memory), width);
  }
  if (start === 0 && divisor === 1 && values.BYTES_PER_ELEMENT === width) return bytesOf(values);
  const bytes = memory.bytes(values.length * width);
  const target = width === 4 ? viewAs(bytes, Int32Array) : width === 2 ? viewAs(bytes, Int16Array) : bytes;
  for (let i = 0; i < values.length; i++) target[i] = start + values[i]! * divisor;
  return bytes;
}

/** The base, when all these numbers are exact in floating point; undefined otherwise. */
function exactStart({ values, base, divisor }: CarriedIntegers): number | undefined {
  const start = Number(base);
  const span = (2 ** (8 * Math.min(values.BYTES_PER_ELEMENT, 4)) - 1) * divisor;
  return Math.abs(start) + span <= Number.MAX_SAFE_INTEGER ? start : undefined;
}
