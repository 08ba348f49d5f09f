import { GranaryError } from '#core/kernel/index.ts';

const truncated = () => new GranaryError('FORMAT_INVALID', 'A chunk ends early.');

/** Grows as it is written to. Numbers are LEB128 (7 bits a byte, lowest first, high bit: more follow). */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  #reserve(count: number): number {
    const at = this.#length;
    if (at + count > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(at + count, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#length = at + count;
    return at;
  }

  byte(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  /** An unsigned whole number below 2^53. */
  number(value: number): this {
    let rest = value;
    while (rest > 127) {
      this.byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    return this.byte(rest);
  }

  /** A signed 64-bit number, zigzag: 0, -1, 1, -2, … become 0, 1, 2, 3, … */
  signed(value: bigint): this {
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    while (rest > 127n) {
      this.byte(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    return this.byte(Number(rest));
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Reads what {@link ByteWriter} wrote. Errors: `FORMAT_INVALID` past the end or for numbers out of range. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get byteCountLeft(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw truncated();
    this.#at += 1;
    return value;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (value > Number.MAX_SAFE_INTEGER || scale > Number.MAX_SAFE_INTEGER)
        throw new GranaryError('FORMAT_INVALID', 'A number of a chunk is too large.');
      if (byte < 128) return value;
    }
  }

  signed(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) break;
      if (shift > 63n) throw new GranaryError('FORMAT_INVALID', 'A number of a chunk is too large.');
    }
    return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
  }

  bytes(count: number): Uint8Array {
    if (count > this.#bytes.length - this.#at) throw truncated();
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}
