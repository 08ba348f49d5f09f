import { describe, expect, it } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { decodeByStandard } from '../testing/standard-av1-decoder.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { SYMBOLS_MAX } from './frame-shape.ts';
import { placeholderUnit } from './placeholder.ts';
import { decodeLuma } from './luma.ts';
import { readMetadata } from './metadata.ts';
import { decodePalette, encodePalette, type PaletteMapping } from './palette.ts';

const MAPPINGS: readonly PaletteMapping[] = ['rank', 'raw'];
const ALPHABETS = [2, 3, 4, 5, 6, 7, 8];

/** Symbols whose smaller values are more frequent, with runs now and then. */
function randomSymbols(count: number, alphabet: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const symbols = new Uint8Array(count);
  for (let i = 0; i < count; i++)
    symbols[i] = i > 0 && random() < 0.3 ? symbols[i - 1]! : Math.floor(random() * random() * alphabet);
  return symbols;
}

const code = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (isGranaryError(error)) return error.code;
    throw error;
  }
  return 'none';
};

describe('a palette unit', () => {
  it.each(ALPHABETS)('gives back the symbols of an alphabet of %i, whatever their number', (alphabet) => {
    // From a single symbol over every number of tiles and block columns to more than a million.
    for (const count of [1, 2, 64, 4095, 4096, 4097, 3 * 4096, 4 * 4096, 4 * 4096 + 1, 70_000, 140_000, 600_001])
      for (const mapping of MAPPINGS) {
        const symbols = randomSymbols(count, alphabet, count + alphabet);
        const metadata = Uint8Array.of(alphabet, count & 255);
        const unit = encodePalette(symbols, { alphabet, mapping, metadata });
        const decoded = decodePalette(unit, { symbolCount: count, mapping });
        expect(Buffer.compare(decoded.symbols, symbols), `${count} symbols, ${mapping}`).toBe(0);
        expect(decoded.alphabet).toBe(alphabet);
        expect(decoded.metadata).toEqual(metadata);
      }
  });

  it('gives back more than a million symbols', () => {
    const symbols = randomSymbols(1_100_000, 8, 1);
    const unit = encodePalette(symbols, { alphabet: 8, mapping: 'rank' });
    const decoded = decodePalette(unit, { symbolCount: symbols.length, mapping: 'rank' });
    expect(Buffer.compare(decoded.symbols, symbols)).toBe(0);
  });

  it('costs little more than the entropy of its symbols', () => {
    const random = seededRandom(5);
    const symbols = Uint8Array.from({ length: 262_144 }, () => (random() < 0.9 ? 0 : 1));
    const entropyBytes = (symbols.length * 0.469) / 8; // -0.9 log2 0.9 - 0.1 log2 0.1
    const unit = encodePalette(symbols, { alphabet: 2, mapping: 'rank' });
    expect(unit.length).toBeLessThan(entropyBytes * 1.03);
    expect(unit.length).toBeGreaterThan(entropyBytes * 0.98);
  });

  it.each(ALPHABETS)('shows a standard decoder the same pixels with %i colours', async (alphabet) => {
    for (const count of [1000, 3 * 4096, 5 * 4096, 33 * 4096, 150_000])
      for (const mapping of MAPPINGS) {
        const metadata = new Uint8Array(count).fill(count & 255);
        const unit = encodePalette(randomSymbols(count, alphabet, count), { alphabet, mapping, metadata });
        const ours = decodeLuma(unit);
        const theirs = await decodeByStandard(unit);
        expect([theirs.width, theirs.height]).toEqual([ours.width, ours.height]);
        expect(Buffer.compare(theirs.luma, ours.pixels), `${count} symbols, ${mapping}`).toBe(0);
        expect(theirs.chroma.every((pixel) => pixel === 128)).toBe(true);
      }
  });

  it('shows a standard decoder a large frame with large metadata', async () => {
    const symbols = randomSymbols(1 << 20, 8, 7);
    const metadata = new Uint8Array(3_000_000).map((_, i) => i * 7);
    const unit = encodePalette(symbols, { alphabet: 8, mapping: 'raw', metadata });
    const theirs = await decodeByStandard(unit);
    expect(Buffer.compare(theirs.luma, decodeLuma(unit).pixels)).toBe(0);
    expect(Buffer.compare(readMetadata(unit), metadata)).toBe(0);
  });

  it('takes the colours it is given', () => {
    const colours = Uint8Array.of(0, 1, 100, 255);
    const symbols = randomSymbols(10_000, 4, 3);
    const unit = encodePalette(symbols, { alphabet: 4, mapping: 'raw', colours });
    expect(new Set(decodeLuma(unit).pixels)).toEqual(new Set(colours));
    expect(decodePalette(unit, { symbolCount: 10_000, mapping: 'raw' }).symbols).toEqual(symbols);
  });

  it('carries metadata of any size, also without symbols', () => {
    for (const bytes of [0, 1, 65_535, 65_536, 65_537, 400_000]) {
      const metadata = new Uint8Array(bytes).map((_, i) => i * 31);
      expect(Buffer.compare(readMetadata(placeholderUnit(metadata)), metadata)).toBe(0);
    }
    expect(placeholderUnit(new Uint8Array()).length).toBe(15);
  });

  it('is grey for a standard decoder where it only carries metadata', async () => {
    const unit = placeholderUnit(Uint8Array.of(1, 2, 3));
    const { width, height, luma } = await decodeByStandard(unit);
    expect(decodeLuma(unit)).toEqual({ width, height, pixels: new Uint8Array(luma) });
  });

  it('refuses what it cannot code', () => {
    const three = Uint8Array.of(0, 1, 2);
    expect(code(() => encodePalette(three, { alphabet: 2, mapping: 'rank' }))).toBe('INPUT_INVALID');
    expect(code(() => encodePalette(three, { alphabet: 9, mapping: 'rank' }))).toBe('INPUT_INVALID');
    expect(code(() => encodePalette(three, { alphabet: 1, mapping: 'rank' }))).toBe('INPUT_INVALID');
    expect(code(() => encodePalette(new Uint8Array(), { alphabet: 2, mapping: 'rank' }))).toBe('INPUT_INVALID');
    const colours = Uint8Array.of(5, 5, 6);
    expect(code(() => encodePalette(three, { alphabet: 3, mapping: 'raw', colours }))).toBe('INPUT_INVALID');
    expect(code(() => encodePalette(new Uint8Array(SYMBOLS_MAX + 1), { alphabet: 2, mapping: 'raw' }))).toBe(
      'LIMIT_EXCEEDED',
    );
  });

  it('refuses a frame of another size than the number of symbols implies', () => {
    const unit = encodePalette(randomSymbols(100_000, 4, 1), { alphabet: 4, mapping: 'rank' });
    expect(code(() => decodePalette(unit, { symbolCount: 4096, mapping: 'rank' }))).toBe('LIMIT_EXCEEDED');
    expect(code(() => decodePalette(unit, { symbolCount: 1_000_000, mapping: 'rank' }))).toBe('CODEC_DAMAGED');
    expect(code(() => decodePalette(unit, { symbolCount: 0, mapping: 'rank' }))).toBe('INPUT_INVALID');
  });
});
