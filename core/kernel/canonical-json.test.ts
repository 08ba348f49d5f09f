import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, fromUtf8, toHex } from './bytes.ts';
import { canonicalJson } from './canonical-json.ts';

/** What canonical JSON is, said in the plainest way. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const names = Object.keys(value).sort();
  // Of names that are numbers an object has an order of its own.
  return new Map(names.map((name) => [name, sorted(value[name as keyof typeof value])]));
}

const print = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(print).join(',')}]`;
  if (value instanceof Map) {
    return `{${Array.from(value, ([name, member]) => `${JSON.stringify(name)}:${print(member)}`).join(',')}}`;
  }
  return JSON.stringify(value);
};

const anyText = fc.string({ unit: fc.oneof(fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code))) });

describe('canonicalJson', () => {
  test('sorts members and writes everything else as JSON does', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(anyText, anyText)), (value) => {
        expect(fromUtf8(canonicalJson(value))).toBe(print(sorted(value)));
      }),
    );
  });

  test('leaves out members that are undefined, and writes null for items that are', () => {
    expect(fromUtf8(canonicalJson({ b: undefined, a: [undefined, -0] }))).toBe('{"a":[null,0]}');
  });

  test('refuses what JSON cannot carry', () => {
    for (const value of [NaN, Infinity, 1n, Symbol('none'), () => 1]) {
      expect(() => canonicalJson([{ value }])).toThrow(/which JSON cannot carry/);
    }
    expect(() => canonicalJson(undefined)).toThrow(/which JSON cannot carry/);
  });
});

describe('fromHex', () => {
  test('reads what toHex writes, in either case', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
  });
});
