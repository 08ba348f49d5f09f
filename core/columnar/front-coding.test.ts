import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frontCode, joinFronts } from './front-coding.ts';
import type { TextValues } from './text.ts';

function textOf(values: readonly string[]): TextValues {
  const parts = values.map((value) => new TextEncoder().encode(value));
  const offsets = new Int32Array(parts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = offsets[i]! + part.length));
  return { kind: 'text', offsets, bytes: Uint8Array.from(parts.flatMap((part) => [...part])) };
}

const BYTES_MAX = 2 ** 20;

test('sorted texts share their beginnings', () => {
  const coded = frontCode(textOf(['tea', 'teapot', 'tear', '', 'téa']))!;
  expect([...coded.shared]).toEqual([0, 3, 3, 0, 0]);
  expect(new TextDecoder().decode(coded.rests.bytes)).toBe('teapotrtéa');
});

test('sorted texts come back', () => {
  const word = fc.oneof(fc.string({ maxLength: 8 }), fc.constant('x'.repeat(300)));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      const text = textOf(words.map((rest) => `https://example.org/${rest}`).toSorted());
      expect(joinFronts(frontCode(text) ?? { shared: new Uint8Array(words.length), rests: text }, BYTES_MAX)).toEqual(
        text,
      );
    }),
    { numRuns: 500, seed: 51 },
  );
});

test('texts without order are left alone', () => {
  expect(frontCode(textOf(['Wien', 'Graz', 'Linz', 'Wels']))).toBeUndefined();
});

test('fronts that cannot be are refused', () => {
  const rests = textOf(['abc', 'd']);
  expect(joinFronts({ shared: Uint8Array.of(0, 3), rests }, BYTES_MAX)).toEqual(textOf(['abc', 'abcd']));
  expect(joinFronts({ shared: Uint8Array.of(0, 4), rests }, BYTES_MAX)).toBeUndefined();
  expect(joinFronts({ shared: Uint8Array.of(1, 0), rests }, BYTES_MAX)).toBeUndefined();
  expect(joinFronts({ shared: Uint8Array.of(0), rests }, BYTES_MAX)).toBeUndefined();
  // 2^20 texts, more than a GiB: refused before anything is allocated.
  const count = 2 ** 20;
  const growing = { kind: 'text', offsets: Int32Array.from({ length: count + 1 }, (_, i) => 2 ** 10 * i) } as const;
  const huge = {
    shared: new Uint8Array(count).fill(255).fill(0, 0, 1),
    rests: { ...growing, bytes: new Uint8Array(0) },
  };
  expect(() => joinFronts(huge, BYTES_MAX)).toThrow('expands to');
});
