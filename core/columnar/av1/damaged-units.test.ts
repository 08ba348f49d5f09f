import { describe, expect, it } from 'vitest';
import { concatBytes, isGranaryError } from '#core/kernel/index.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { codecMemoryBytes } from './codec-instance.ts';
import { decodeIntegerUnit } from './decode-integers.ts';
import { encodeIntegerUnit } from './encode-integers.ts';
import { decodeLuma, encodeLuma } from './luma.ts';
import { metadataObus, readMetadata } from './metadata.ts';
import { type Obu, obuHeader, readObus } from './obu.ts';
import { decodePalette, encodePalette } from './palette.ts';

const TYPED = new Set(['CODEC_PROFILE', 'CODEC_DAMAGED', 'CODEC_TRUNCATED', 'LIMIT_EXCEEDED']);

type Decode = (unit: Uint8Array) => unknown;

const random = seededRandom(77);
const below = (limit: number): number => Math.floor(random() * limit);

const symbols = Uint8Array.from({ length: 20_000 }, () => below(5));
const integers = BigInt64Array.from({ length: 18_000 }, () => BigInt(below(100_000)));
const shades = Uint8Array.from({ length: 192 * 104 }, (_, i) => (i % 4) * 30 + (i % 192 > 70 ? 5 : 0));

const UNITS: readonly (readonly [name: string, unit: Uint8Array, decode: Decode])[] = [
  [
    'ranks',
    encodePalette(symbols, { alphabet: 5, mapping: 'rank', metadata: Uint8Array.of(1, 2, 3) }),
    (unit) => decodePalette(unit, { symbolCount: symbols.length, mapping: 'rank' }).symbols,
  ],
  [
    'raw symbols',
    encodePalette(symbols.subarray(0, 5000), { alphabet: 5, mapping: 'raw' }),
    (unit) => decodePalette(unit, { symbolCount: 5000, mapping: 'raw' }).symbols,
  ],
  [
    'integers',
    encodeIntegerUnit(integers, { ranker: 'order2' })!.unit,
    (unit) => decodeIntegerUnit(unit, integers.length).values,
  ],
  ['a picture', encodeLuma({ width: 192, height: 104, pixels: shades }), (unit) => decodeLuma(unit).pixels],
];

/** Decodes bytes that may be damaged: a typed error or a result, nothing else. */
function attempt(decode: Decode, unit: Uint8Array): string {
  try {
    decode(unit);
    return 'valid';
  } catch (error) {
    if (isGranaryError(error) && TYPED.has(error.code)) return error.code;
    throw error;
  }
}

describe.each(UNITS)('a damaged unit of %s', (_, unit, decode) => {
  const expected = decode(unit);

  it('with flipped bits gives a typed error or other values', () => {
    const outcomes = new Set<string>();
    for (let run = 0; run < 1500; run++) {
      const damaged = unit.slice();
      // Every header byte is worth as much as the whole of the data.
      for (let flips = 1 + below(3); flips > 0; flips--)
        damaged[random() < 0.5 ? below(Math.min(40, unit.length)) : below(unit.length)]! ^= 1 << below(8);
      outcomes.add(attempt(decode, damaged));
    }
    expect(outcomes.size).toBeGreaterThan(2);
  });

  it('with other bytes gives a typed error or other values', () => {
    for (let run = 0; run < 500; run++) {
      const damaged = unit.slice();
      const start = below(unit.length);
      damaged.subarray(start, start + below(200)).forEach((__, i, part) => {
        part[i] = below(256);
      });
      attempt(decode, damaged);
    }
  });

  it('cut off anywhere is refused', () => {
    for (let run = 0; run < 500; run++) {
      const end = run < 60 ? run : below(unit.length);
      expect(attempt(decode, unit.subarray(0, end)), `${end} of ${unit.length} bytes`).not.toBe('valid');
    }
  });

  it('with bytes added or doubled is refused', () => {
    expect(attempt(decode, concatBytes([unit, unit]))).toBe('CODEC_DAMAGED');
    expect(attempt(decode, concatBytes([unit, Uint8Array.of(0xff)]))).toBe('CODEC_DAMAGED');
    expect(attempt(decode, concatBytes([unit, Uint8Array.of(0x32)]))).toBe('CODEC_TRUNCATED');
    expect(attempt(decode, concatBytes([unit, Uint8Array.of(0x12, 0)]))).toBe('CODEC_DAMAGED');
  });

  it('leaves the codec as good as before', () => {
    expect(decode(unit)).toEqual(expected);
  });
});

describe('damage that leaves the headers whole', () => {
  it('in the data of a tile is nearly always found', () => {
    const [, unit, decode] = UNITS[0]!;
    const start = unit.length - 6000;
    let unnoticed = 0;
    for (let run = 0; run < 1000; run++) {
      const damaged = unit.slice();
      damaged[start + below(6000)]! ^= 1 << below(8);
      if (attempt(decode, damaged) === 'valid') unnoticed++;
    }
    // The arithmetic decoder goes astray and only by chance ends on the right bit with the right trailing bits.
    expect(unnoticed).toBeLessThan(30);
  });

  it('in the offsets of integers is refused where they end early', () => {
    const [, unit, decode] = UNITS[2]!;
    const obus = [...readObus(unit)];
    const written = ({ type, payload }: Obu) => [obuHeader(type, payload.length), payload];
    const withMetadata = (metadata: Uint8Array): Uint8Array =>
      concatBytes([...written(obus[0]!), ...metadataObus(metadata), ...written(obus.at(-1)!)]);
    const metadata = readMetadata(unit);
    expect(attempt(decode, withMetadata(metadata))).toBe('valid');
    for (let end = 0; end < metadata.length; end += end < 100 ? 1 : 997)
      expect(attempt(decode, withMetadata(metadata.subarray(0, end))), `${end} bytes`).toMatch(/TRUNCATED|DAMAGED/);
    expect(attempt(decode, withMetadata(metadata.subarray(0, -1)))).toBe('CODEC_DAMAGED');
  });
});

describe('hostile units', () => {
  it('with a huge frame are refused before any memory is taken', () => {
    const before = codecMemoryBytes();
    const unit = encodePalette(new Uint8Array(2 ** 22), { alphabet: 2, mapping: 'rank' });
    expect(unit.length).toBeLessThan(20_000);
    const held = codecMemoryBytes();
    expect(() => decodePalette(unit, { symbolCount: 1000, mapping: 'rank' })).toThrow('expected at most');
    expect(codecMemoryBytes()).toBe(held);
    expect(held).toBeGreaterThanOrEqual(before);
  });

  it('of random bytes are refused', () => {
    for (let run = 0; run < 2000; run++) {
      const bytes = Uint8Array.from({ length: below(300) }, () => below(256));
      // Half of them look like a sequence header.
      if (run % 2) bytes.set([0x0a, 0x0a].slice(0, bytes.length));
      expect(attempt(decodeLuma, bytes)).not.toBe('valid');
      attempt(readMetadata, bytes);
    }
  });
});
