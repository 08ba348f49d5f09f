import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { decodeByStandard } from '../testing/standard-av1-decoder.ts';
import { decodeIntegerUnit } from './decode-integers.ts';
import { encodeIntegerUnit, type IntegerHints } from './encode-integers.ts';
import { estimateIntegers } from './estimate-integers.ts';
import { PREDICTORS, RANKERS } from './integer-header.ts';
import { decodeLuma } from './luma.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Encodes, decodes and compares; true when the column could be coded at all. */
function roundTrip(values: BigInt64Array, hints: IntegerHints = {}): boolean {
  const encoded = encodeIntegerUnit(values, hints);
  if (!encoded) return false;
  const decoded = decodeIntegerUnit(encoded.unit, values.length);
  const wrong = decoded.values.findIndex((value, i) => value !== values[i]);
  expect(wrong, `value ${wrong} of ${values.length} with ${JSON.stringify(hints)}`).toBe(-1);
  expect(decoded.values.length).toBe(values.length);
  expect(decoded.metadata).toEqual(hints.metadata ?? new Uint8Array());
  return true;
}

const walk = (count: number, step: number, seed: number): BigInt64Array => {
  const random = seededRandom(seed);
  let value = 1_000_000n;
  return BigInt64Array.from({ length: count }, () => (value += BigInt(Math.round((random() - 0.5) * step))));
};

describe('a unit of integers', () => {
  it('gives back any column it accepts: random shapes, magnitudes and hints', () => {
    const extremes = fc.constantFrom(INT64_MIN, INT64_MIN + 1n, -1n, 0n, 1n, INT64_MAX - 1n, INT64_MAX);
    const magnitude = fc.integer({ min: 0, max: 63 });
    const column = fc.oneof(
      fc.array(extremes, { minLength: 1, maxLength: 50 }),
      fc.array(fc.bigInt({ min: INT64_MIN, max: INT64_MAX }), { minLength: 1, maxLength: 50 }),
      // Values around a base, at any distance.
      fc
        .tuple(fc.bigInt({ min: INT64_MIN, max: INT64_MAX }), magnitude, fc.integer({ min: 1, max: 20_000 }), fc.nat())
        .map(([base, bits, count, seed]) => {
          const random = seededRandom(seed);
          return Array.from({ length: count }, () => base + BigInt(Math.floor(random() * 2 ** bits)));
        }),
      // Walks with rare jumps; they may leave the range and come back at the other end.
      fc.tuple(magnitude, fc.integer({ min: 1, max: 20_000 }), fc.nat()).map(([bits, count, seed]) => {
        const random = seededRandom(seed);
        let value = 0n;
        return Array.from({ length: count }, () => {
          value += BigInt(Math.round((random() - 0.5) * 2 ** (random() < 0.01 ? bits : bits / 3)));
          return BigInt.asIntN(64, value);
        });
      }),
    );
    const hints = fc.record(
      {
        predictor: fc.constantFrom(...PREDICTORS),
        ranker: fc.constantFrom(...RANKERS),
        metadata: fc.uint8Array({ maxLength: 300 }),
      },
      { requiredKeys: [] },
    );
    let coded = 0;
    fc.assert(
      fc.property(column, hints, (values, hint) => {
        if (roundTrip(BigInt64Array.from(values), hint)) coded++;
      }),
      { numRuns: 3000, seed: 20_261_123 },
    );
    expect(coded).toBeGreaterThan(1500);
  });

  it.each(PREDICTORS)('gives back a million rows predicted by %s', (predictor) => {
    expect(roundTrip(walk(1_000_003, 1000, 3), { predictor, ranker: 'order2' })).toBe(true);
  });

  it('wraps around from one end of the range to the other', () => {
    const values = BigInt64Array.from({ length: 5000 }, (_, i) => BigInt.asIntN(64, INT64_MAX - 2000n + BigInt(i)));
    for (const predictor of PREDICTORS) expect(roundTrip(values, { predictor })).toBe(true);
  });

  it('leaves residuals of more than 57 bits to the caller', () => {
    const values = BigInt64Array.from({ length: 1000 }, (_, i) => BigInt.asIntN(64, BigInt(i) * 0x9e3779b97f4a7c15n));
    expect(encodeIntegerUnit(values, { predictor: 'none' })).toBeUndefined();
    expect(roundTrip(BigInt64Array.of(INT64_MIN, INT64_MAX, 0n))).toBe(true);
  });

  it('chooses the predictor that suits the column', () => {
    const ticks = BigInt64Array.from({ length: 50_000 }, (_, i) => 1_700_000_000_000n + BigInt(i) * 1000n);
    // 49,999 differences of 1000, and the first value is made to give one more.
    expect(encodeIntegerUnit(ticks)!.description).toMatchObject({
      predictor: 'delta',
      bins: [{ low: 1000n, bits: 0 }],
    });
    expect(encodeIntegerUnit(ticks)!.unit.length).toBeLessThan(1000);
    const random = seededRandom(9);
    const noise = BigInt64Array.from({ length: 50_000 }, () => BigInt(Math.floor(random() * 1000)));
    expect(estimateIntegers(noise)[0]!.predictor).toBe('none');
    const hours = BigInt64Array.from({ length: 50_000 }, (_, i) =>
      BigInt(((i % 24) ** 3 % 977) + Math.floor(random() * 3)),
    );
    expect(estimateIntegers(hours)[0]!.predictor).toBe('period');
    expect(estimateIntegers(hours)[0]!.lag % 24).toBe(0);
    const grid = BigInt64Array.from({ length: 50_000 }, (_, i) =>
      BigInt(((i % 500) ** 2 % 9973) + (Math.floor(i / 500) ** 2 % 7919) * 8 + Math.floor(random() * 2)),
    );
    expect(estimateIntegers(grid)[0]!.predictor).toBe('lorenzo');
    expect(estimateIntegers(grid)[0]!.lag % 500).toBe(0);
    const squares = BigInt64Array.from({ length: 50_000 }, (_, i) => BigInt(i * i * 3 + Math.floor(random() * 2)));
    // What is quadratic is as well predicted by its distance from any value before.
    expect(['delta2', 'lorenzo']).toContain(estimateIntegers(squares)[0]!.predictor);
  });

  it('chooses a ranker where the classes depend on those before', () => {
    const random = seededRandom(4);
    const alternating = BigInt64Array.from({ length: 100_000 }, (_, i) =>
      BigInt((i % 3) * 1000 + Math.floor(random() * 4)),
    );
    const { unit, description } = encodeIntegerUnit(alternating, { predictor: 'none' })!;
    expect(description.ranker).toBe('order2');
    const plain = encodeIntegerUnit(alternating, { predictor: 'none', ranker: 'none' })!;
    expect(unit.length).toBeLessThan(plain.unit.length * 0.85);
    expect(decodeIntegerUnit(unit, alternating.length).values).toEqual(alternating);
  });

  it('writes into the array it is given', () => {
    const values = walk(10_000, 50, 6);
    const metadata = new Uint8Array(100_000).map((_, i) => i);
    const { unit } = encodeIntegerUnit(values, { metadata })!;
    const into = new BigInt64Array(values.length);
    const decoded = decodeIntegerUnit(unit, values.length, { into });
    expect(decoded.values).toBe(into);
    expect(decoded.metadata).toEqual(metadata);
    expect(into).toEqual(values);
    const tooShort = new BigInt64Array(10);
    expect(() => decodeIntegerUnit(unit, values.length, { into: tooShort })).toThrow('10 values');
  });

  it('describes itself to the byte', () => {
    const values = walk(200_000, 5000, 8);
    const { unit, description } = encodeIntegerUnit(values)!;
    expect(description.bins.length).toBeGreaterThan(1);
    const rest = unit.length - description.classBytes - description.offsetBytes;
    expect(rest).toBeGreaterThan(0);
    expect(rest).toBeLessThan(300);
  });

  it('is a frame that a standard decoder reads', async () => {
    const { unit } = encodeIntegerUnit(walk(300_000, 5000, 8))!;
    const theirs = await decodeByStandard(unit);
    expect(Buffer.compare(theirs.luma, decodeLuma(unit).pixels)).toBe(0);
  });

  it('refuses no values', () => {
    expect(() => encodeIntegerUnit(new BigInt64Array())).toThrow('at least one symbol');
    try {
      decodeIntegerUnit(encodeIntegerUnit(BigInt64Array.of(1n))!.unit, 5000);
      expect.unreachable();
    } catch (error) {
      expect(isGranaryError(error, 'CODEC_DAMAGED')).toBe(true);
    }
  });
});
