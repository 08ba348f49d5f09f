import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byFrequency, findEntries } from './integer-entries.ts';

/** Integers of 64 bits that lie within `span` of each other, wherever they are. */
const near = (span: bigint) =>
  fc
    .record({
      base: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n - span }),
      distances: fc.array(fc.bigInt({ min: 0n, max: span }), { minLength: 1, maxLength: 100 }),
    })
    .map(({ base, distances }) => BigInt64Array.from(distances, (distance) => base + distance));

describe('the distinct integers of a column', () => {
  it.each([3n, 2n ** 16n - 1n, 2n ** 40n])('give back each value that lies within %s of the others', (span) => {
    fc.assert(
      fc.property(near(span), (values) => {
        const ascending = findEntries(values, 256)!;
        const distinct = [...new Set(values)].sort((a, b) => (a < b ? -1 : 1));
        expect([...ascending.entries]).toEqual(distinct);
        for (const { entries, numbers } of [ascending, byFrequency(ascending)]) {
          expect(Array.from(numbers, (number) => entries[number])).toEqual([...values]);
        }
        if (distinct.length > 1) expect(findEntries(values, distinct.length - 1)).toBeUndefined();
      }),
    );
  });
});
