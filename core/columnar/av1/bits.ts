import { GranaryError } from '#core/kernel/index.ts';

/** One fixed element of a header: its name in the AV1 specification, its width in bits and the profile's value. */
export type FixedField = readonly [name: string, bits: number, value: number];

/** Writes AV1 headers, most significant bit first ("f(n)"). */
export class BitWriter {
  readonly #bytes: number[] = [];
  #bitCount = 0;

  /** `value` is below 2^32. */
  write(bits: number, value: number): void {
    for (let i = bits - 1; i >= 0; i--, this.#bitCount++) {
      if (this.#bitCount % 8 === 0) this.#bytes.push(0);
      if ((value >>> i) & 1) this.#bytes[this.#bytes.length - 1]! |= 128 >> (this.#bitCount % 8);
    }
  }

  writeFixed(fields: readonly FixedField[]): void {
    for (const [, bits, value] of fields) this.write(bits, value);
  }

  /** The bytes so far; the last one is filled up with zeros. */
  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** Reads AV1 headers. Errors: `CODEC_TRUNCATED` past the end, `CODEC_PROFILE` for an unexpected value. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(bits: number): number {
    if (this.#at + bits > this.#bytes.length * 8)
      throw new GranaryError('CODEC_TRUNCATED', 'The AV1 unit ends inside a header.');
    let value = 0;
    for (let i = 0; i < bits; i++, this.#at++)
      value = value * 2 + ((this.#bytes[this.#at >> 3]! >> (7 - (this.#at & 7))) & 1);
    return value;
  }

  expect(fields: readonly FixedField[]): void {
    for (const [name, bits, expected] of fields) {
      const value = this.read(bits);
      if (value !== expected)
        throw new GranaryError(
          'CODEC_PROFILE',
          `The AV1 unit lies outside the column profile: ${name} is ${value}, expected ${expected}.`,
        );
    }
  }

  /** Expects zeros up to the next byte and returns its index. */
  align(): number {
    while (this.#at % 8 !== 0) this.expect([['alignment', 1, 0]]);
    return this.#at / 8;
  }

  /** Expects a one and then zeros up to the end ("Trailing bits syntax"). */
  expectTrailingBits(): void {
    this.expect([['trailing_one_bit', 1, 1]]);
    while (this.#at < this.#bytes.length * 8) this.expect([['trailing_zero_bit', 1, 0]]);
  }
}
