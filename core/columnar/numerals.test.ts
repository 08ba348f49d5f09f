import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from './byte-io.ts';
import { findNumerals, numeralTexts, PATTERN_BYTES_MAX, readPattern, writePattern } from './numerals.ts';
import type { TextValues } from './text.ts';

function textOf(values: readonly string[]): TextValues {
  const parts = values.map((value) => new TextEncoder().encode(value));
  const offsets = new Int32Array(parts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = offsets[i]! + part.length));
  return { kind: 'text', offsets, bytes: Uint8Array.from(parts.flatMap((part) => [...part])) };
}

const BYTES_MAX = 2 ** 20;

const thereAndBack = (values: readonly string[]) => {
  const found = findNumerals(textOf(values));
  return found && numeralTexts(readPattern(writePattern(found.pattern))!, found.numbers, BYTES_MAX);
};

test.each([
  ['postal codes', ['00501', '99950', '10001'], [0, 99449, 9500]],
  ['numbers without zeros in front', ['7', '12', '0', '100'], [7, 12, 0, 100]],
  ['dates', ['2012-01-31', '2013-02-01', '2012-02-01'], [30, 93, 31]],
  ['a name around a number', ['Nº 7.', 'Nº 10.'], [0, 3]],
])('%s are numbers', (_, values, numbers) => {
  expect([...findNumerals(textOf(values))!.numbers]).toEqual(numbers);
  expect(thereAndBack(values)).toEqual(textOf(values));
});

test.each([
  ['no digits', ['a', 'b']],
  ['nothing', ['', '']],
  ['other text between the digits', ['1-1', '1/1']],
  ['another number of fields', ['1.5', '1.5.1']],
  ['zeros in front at times', ['007', '10']],
  ['more digits than a double holds', ['1234567890123456']],
  ['more numbers than a double holds', ['000000000 000000000', '999999999 999999999']],
  ['more literal text than a pattern may have', [`${'x'.repeat(PATTERN_BYTES_MAX)}1`]],
])('%s: no pattern', (_, values) => {
  expect(findNumerals(textOf(values))).toBeUndefined();
});

test('texts of digits and anything else come back when they have a pattern', () => {
  const literal = fc.stringMatching(/^[^0-9]{0,5}$/);
  const field = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.boolean());
  let found = 0;
  const shape = fc.tuple(fc.array(fc.tuple(field, literal), { minLength: 1, maxLength: 3 }), literal);
  fc.assert(
    fc.property(shape, fc.array(fc.array(fc.nat(), { minLength: 3, maxLength: 3 }), { minLength: 1 }), (made, rows) => {
      const [fields, last] = made;
      const values = rows.map(
        (row) =>
          fields
            .map(([[digits, padded], text], i) => {
              const number = String(row[i]! % 10 ** digits);
              return text + (padded ? number.padStart(digits, '0') : number);
            })
            .join('') + last,
      );
      const texts = thereAndBack(values);
      if (!texts) return;
      expect(texts).toEqual(textOf(values));
      found += 1;
    }),
    { numRuns: 1000, seed: 31 },
  );
  expect(found).toBeGreaterThan(500);
});

/** One field between empty literals. */
const pattern = (width: number, least: number, count: number) =>
  new ByteWriter().number(0).byte(width).number(least).number(count).number(0).finish();

test('numbers outside the pattern have no text', () => {
  const sound = readPattern(pattern(2, 90, 10))!;
  expect(numeralTexts(sound, Float64Array.of(0, 9), BYTES_MAX)).toEqual(textOf(['90', '99']));
  expect(() => numeralTexts(sound, Float64Array.of(0, 9), 3)).toThrow('expands to 4 bytes');
  for (const number of [-1, 10, 2 ** 52])
    expect(numeralTexts(sound, Float64Array.of(number), BYTES_MAX)).toBeUndefined();
});

test('a damaged pattern is refused', () => {
  expect(readPattern(pattern(2, 90, 11))).toBeUndefined();
  expect(readPattern(pattern(2, 90, 0))).toBeUndefined();
  expect(readPattern(pattern(16, 0, 1))).toBeUndefined();
  expect(readPattern(pattern(0, 10 ** 15, 1))).toBeUndefined();
  expect(readPattern(Uint8Array.of(0))).toBeUndefined();
  expect(readPattern(new Uint8Array(PATTERN_BYTES_MAX + 1))).toBeUndefined();
  expect(() => readPattern(pattern(2, 90, 10).subarray(0, 3))).toThrow('ends early');
  expect(() => readPattern(Uint8Array.of(200, 1))).toThrow('ends early');
});
