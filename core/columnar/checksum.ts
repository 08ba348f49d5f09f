import { bytesOf, viewAs } from './words.ts';

/**
 * A 64-bit checksum that mixes 32-bit little-endian words, fast in plain JavaScript and without set-up. Not
 * cryptographic: it finds damage, not forgery (the BLAKE3 name of a segment does that). Each step is a bijection of
 * either lane, so a single changed word always changes the result. The final mix is MurmurHash3's (public domain,
 * Austin Appleby). Written down in docs/formats/webm-columnar-v1.md, section 6.
 */
const FIRST = 0x85ebca6b;
const SECOND = 0xc2b2ae35;

const finish = (hash: number): number => {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), FIRST);
  h = Math.imul(h ^ (h >>> 13), SECOND);
  return (h ^ (h >>> 16)) >>> 0;
};

const LANES = 8;
const BLOCK_BYTES = LANES * 4;

/**
 * The same in the striped form: the words of each buffer are dealt out to eight lanes that do not wait for one another,
 * which is four times as fast. The checksum is that of the lanes and of what is left of each buffer behind its last block
 * of eight words.
 */
export function stripedChecksumOf(parts: readonly Uint8Array[]): string {
  return checksumOf(
    parts.flatMap((part) => [bytesOf(lanesOf(part)), part.subarray(part.length - (part.length % BLOCK_BYTES))]),
  );
}

function lanesOf(part: Uint8Array): Int32Array {
  const words = viewAs(part, Int32Array);
  const end = words.length - (words.length % LANES);
  let [l0, l1, l2, l3, l4, l5, l6, l7] = Array.from({ length: LANES }, (_, lane) => part.length + lane) as Lanes;
  for (let i = 0; i < end; i += LANES) {
    l0 = step(l0, words[i]!);
    l1 = step(l1, words[i + 1]!);
    l2 = step(l2, words[i + 2]!);
    l3 = step(l3, words[i + 3]!);
    l4 = step(l4, words[i + 4]!);
    l5 = step(l5, words[i + 5]!);
    l6 = step(l6, words[i + 6]!);
    l7 = step(l7, words[i + 7]!);
  }
  return Int32Array.of(l0, l1, l2, l3, l4, l5, l6, l7);
}

type Lanes = [number, number, number, number, number, number, number, number];

const step = (lane: number, word: number): number => {
  const product = Math.imul(lane ^ word, FIRST);
  return (product << 15) | (product >>> 17);
};

/**
 * Checksum of several buffers in order, 16 lower-case hexadecimal digits. Each buffer is preceded by its byte count as
 * one word and padded with zero bytes to a multiple of four.
 */
export function checksumOf(parts: readonly Uint8Array[]): string {
  let a = 0x9e3779b9 | 0;
  let b = 0x7f4a7c15 | 0;
  for (const part of parts) {
    const wordCount = part.length >>> 2;
    const words = viewAs(part, Int32Array);
    a = Math.imul(a ^ part.length, FIRST);
    a = (a << 15) | (a >>> 17);
    b = Math.imul(b ^ part.length, SECOND);
    b = ((b << 13) | (b >>> 19)) + a;
    for (let i = 0; i < wordCount; i++) {
      const word = words[i]!;
      a = Math.imul(a ^ word, FIRST);
      a = (a << 15) | (a >>> 17);
      b = Math.imul(b ^ word, SECOND);
      b = (((b << 13) | (b >>> 19)) + a) | 0;
    }
    let last = 0;
    for (let i = wordCount * 4; i < part.length; i++) last |= part[i]! << (8 * (i & 3));
    a = Math.imul(a ^ last, FIRST);
    a = (a << 15) | (a >>> 17);
    b = Math.imul(b ^ last, SECOND);
    b = (((b << 13) | (b >>> 19)) + a) | 0;
  }
  const high = finish(a ^ Math.imul(b, FIRST));
  const low = finish(b);
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
