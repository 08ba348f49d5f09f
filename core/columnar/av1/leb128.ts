import { GranaryError } from '#core/kernel/index.ts';

/** AV1 allows eight bytes ("leb128()"), of which the value uses 32 bits. */
const LEB128_BYTES_MAX = 8;
const UINT32_MAX = 0xffff_ffff;
/** A 64-bit number in groups of seven bits. */
const LEB128_INT64_BYTES_MAX = 10;

/** An unsigned number below 2^32 in groups of seven bits, the lowest first. */
export function writeLeb128(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 128 : low);
  } while (rest > 0);
  return bytes;
}

/** Errors: `CODEC_TRUNCATED` when the bytes end inside the number, `CODEC_DAMAGED` when it is longer than 32 bits. */
export function readLeb128(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < LEB128_BYTES_MAX; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) throw new GranaryError('CODEC_TRUNCATED', 'The AV1 unit ends inside a number.');
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) {
      if (value > UINT32_MAX) break;
      return { value, end: start + i + 1 };
    }
  }
  throw new GranaryError('CODEC_DAMAGED', 'The AV1 unit holds a number of more than 32 bits.');
}

/** A signed 64-bit number: zigzag (0, -1, 1, -2, …), then groups of seven bits. */
export function writeSignedLeb128(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return bytes;
}

/** Errors as for {@link readLeb128}, the limit being 64 bits. */
export function readSignedLeb128(bytes: Uint8Array, start: number): { value: bigint; end: number } {
  let zigzag = 0n;
  for (let i = 0; i < LEB128_INT64_BYTES_MAX; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) throw new GranaryError('CODEC_TRUNCATED', 'The AV1 unit ends inside a number.');
    zigzag |= BigInt(byte & 127) << BigInt(7 * i);
    if (byte < 128) {
      if (zigzag >> 64n) break;
      return { value: BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n)), end: start + i + 1 };
    }
  }
  throw new GranaryError('CODEC_DAMAGED', 'The AV1 unit holds a number of more than 64 bits.');
}
