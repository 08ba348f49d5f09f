import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeSpecified } from '#tests/golden/segment-v1/specified-model.ts';
import { useCodec } from './av1/codec-instance.ts';
import { decodeBytes, encodeBytes, MODELLED_BYTES_MAX, type Records } from './byte-model.ts';
import { MODEL_BYTES_MAX } from './limits.ts';
import { seededRandom } from './testing/seeded-random.ts';

const arbitraryRecords: fc.Arbitrary<Records> = fc.oneof(
  fc.record({ width: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ terminator: fc.nat({ max: 255 }) }),
);

const toBytes = (text: string) => new TextEncoder().encode(text);

describe('the byte model', () => {
  it('works in the memory that is stated', () => {
    expect(useCodec().exports.byteModelBytes(MODELLED_BYTES_MAX)).toBeLessThanOrEqual(MODEL_BYTES_MAX);
    expect(useCodec().exports.byteModelBytes(2 ** 30)).toBeLessThanOrEqual(MODEL_BYTES_MAX);
  });

  it('gives back any bytes, however they are cut into records', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc.string({ maxLength: 50 }).map((word) => toBytes(`${word}\n`.repeat(20))),
    );
    fc.assert(
      fc.property(bytes, arbitraryRecords, (input, records) => {
        expect(decodeBytes(encodeBytes(input, records), input.length, records)).toEqual(input);
      }),
      { numRuns: 1000, seed: 11 },
    );
  });

  it('gives back as many bytes as it takes', () => {
    const random = seededRandom(3);
    const noise = Uint8Array.from({ length: MODELLED_BYTES_MAX }, () => Math.floor(random() * 256));
    const coded = encodeBytes(noise, { width: 4 });
    expect(coded.length).toBeLessThan(noise.length * 1.03);
    expect(decodeBytes(coded, noise.length, { width: 4 })).toEqual(noise);
  });

  it('makes much of little', () => {
    const cities = ['Aachen', 'Bern', 'Graz', 'Linz', 'Wien', 'Zürich'];
    const random = seededRandom(5);
    const rows = Array.from({ length: 1000 }, () => cities[Math.floor(random() * cities.length)]!);
    const coded = encodeBytes(toBytes(`${rows.join('\n')}\n`), { terminator: 10 });
    // Six equal cities carry 323 bytes of information in 1,000 rows.
    expect(coded.length).toBeLessThan(420);
  });

  it('reads the bytes that the specification gives', () => {
    const rows = Array.from({ length: 200 }, (_, i) => `${['Zug', 'Zürich', ''][i % 3]} ${(i * i) % 97}\n`);
    const bytes = toBytes(rows.join(''));
    expect(encodeBytes(bytes, { terminator: 10 })).toEqual(encodeSpecified(bytes, 256 + 10));
    const numbers = Uint8Array.from({ length: 1202 }, (_, i) => (i % 4 === 3 ? 0 : (i * i) % (7 + (i % 4) * 60)));
    expect(encodeBytes(numbers, { width: 4 })).toEqual(encodeSpecified(numbers, 4));
  });

  it('gives some bytes for any source', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.nat({ max: 5000 }),
        arbitraryRecords,
        (coded, count, records) => {
          expect(decodeBytes(coded, count, records)).toHaveLength(count);
        },
      ),
      { numRuns: 500, seed: 12 },
    );
  });
});
