import { fromSmall, wordsOf } from './int64.ts';
import { integerBytes } from './integer-values.ts';
import { bytesOf, viewAs } from './words.ts';

/**
 * The bits of floats as integers in the order of the floats: neighbours in value are neighbours as integers. Negative ones
 * have all bits but the sign turned over; every bit pattern comes back, NaN with any payload included.
 */
export interface OrderedBits {
  /** Of the floats whose bits these are: 4 for doubles that are all singles. */
  readonly width: number;
  readonly integers: BigInt64Array;
}

/** Turns over the bits below the sign of what is negative; its own inverse. */
function turnSingles(bits: Int32Array): Int32Array<ArrayBuffer> {
  const turned = new Int32Array(bits.length);
  for (let i = 0; i < bits.length; i++) turned[i] = bits[i]! ^ ((bits[i]! >> 31) & 0x7fffffff);
  return turned;
}

function turnDoubles(bits: Int32Array): BigInt64Array<ArrayBuffer> {
  const turned = new BigInt64Array(bits.length / 2);
  const words = wordsOf(turned);
  for (let i = 0; i < bits.length; i += 2) {
    const sign = bits[i + 1]! >> 31;
    words[i] = bits[i]! ^ sign;
    words[i + 1] = bits[i + 1]! ^ (sign & 0x7fffffff);
  }
  return turned;
}

/** Of floats of 4 or 8 bytes. */
export function orderedBits(bytes: Uint8Array, width: number): OrderedBits {
  const singles = width === 4 ? bytes : asSingles(viewAs(bytes, Float64Array));
  return singles
    ? { width: 4, integers: fromSmall(turnSingles(viewAs(singles, Int32Array))) }
    : { width: 8, integers: turnDoubles(viewAs(bytes, Int32Array)) };
}

/** Undefined when a double is not a single, or is NaN, whose payload need not survive. */
function asSingles(doubles: Float64Array): Uint8Array | undefined {
  const singles = new Float32Array(doubles.length);
  for (let i = 0; i < doubles.length; i++) {
    singles[i] = doubles[i]!;
    if (singles[i] !== doubles[i]) return undefined;
  }
  return bytesOf(singles);
}

/** The floats of `width` bytes each; undefined for widths that do not go together. */
export function bitsInOrder({ width: from, integers }: OrderedBits, width: number): Uint8Array | undefined {
  if (from === 8 && width === 8) return bytesOf(turnDoubles(wordsOf(integers)));
  if (from !== 4 || (width !== 4 && width !== 8)) return undefined;
  const singles = turnSingles(viewAs(integerBytes(integers, 4), Int32Array));
  return width === 4 ? bytesOf(singles) : bytesOf(Float64Array.from(new Float32Array(singles.buffer)));
}
