import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codesOfPlaces, placesOfCodes, RECENT_ENTRIES_MAX } from './recency.ts';

test('codes that come in clusters have small places', () => {
  expect(placesOfCodes(Int32Array.of(2, 2, 0, 2, 0, 0, 3), 4)).toEqual(Int32Array.of(2, 0, 1, 1, 1, 0, 3));
});

test('codes come back from their places', () => {
  const codes = fc
    .integer({ min: 1, max: 300 })
    .chain((entryCount) =>
      fc.tuple(fc.constant(entryCount), fc.array(fc.nat({ max: entryCount - 1 }), { maxLength: 500 })),
    );
  fc.assert(
    fc.property(codes, ([entryCount, values]) => {
      const places = placesOfCodes(Int32Array.from(values), entryCount)!;
      const back = new Int32Array(values.length);
      codesOfPlaces(places, back, entryCount);
      expect([...back]).toEqual(values);
    }),
    { numRuns: 500, seed: 41 },
  );
});

test('codes without clusters have no places', () => {
  expect(
    placesOfCodes(
      Int32Array.from({ length: 20_000 }, (_, i) => (i * 389) % 1000),
      1000,
    ),
  ).toBeUndefined();
  expect(placesOfCodes(Int32Array.of(0, 0), RECENT_ENTRIES_MAX + 1)).toBeUndefined();
});
