import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeArray,
  encodeBoolean,
  encodeByteString,
  encodeUnsigned,
  readArrayLength,
  readBoolean,
  readByteString,
  readUnsigned,
} from './canonical-cbor.ts';
import { hex } from './testing/fixtures.ts';

const U64_LARGEST = 2n ** 64n - 1n;
const at = (digits: string) => ({ bytes: hex(digits), offset: 0 });
const refused = expect.objectContaining({ code: 'OPERATION_INVALID' });

describe('unsigned integers', () => {
  // RFC 8949, appendix A.
  test.each([
    [0n, '00'],
    [23n, '17'],
    [24n, '1818'],
    [255n, '18ff'],
    [256n, '190100'],
    [1000n, '1903e8'],
    [65_535n, '19ffff'],
    [65_536n, '1a00010000'],
    [1_000_000n, '1a000f4240'],
    [2n ** 32n - 1n, '1affffffff'],
    [2n ** 32n, '1b0000000100000000'],
    [1_000_000_000_000n, '1b000000e8d4a51000'],
    [U64_LARGEST, '1bffffffffffffffff'],
  ])('%i is %s', (value, digits) => {
    expect(encodeUnsigned(value)).toEqual(hex(digits));
    const cursor = at(digits);
    expect(readUnsigned(cursor, U64_LARGEST)).toBe(value);
    expect(cursor.offset).toBe(cursor.bytes.length);
  });

  test.each([
    ['1817', 'in one byte what fits the first'],
    ['1900ff', 'in two bytes what fits one'],
    ['1a0000ffff', 'in four bytes what fits two'],
    ['1b00000000ffffffff', 'in eight bytes what fits four'],
    ['1c', 'reserved 28'],
    ['1d', 'reserved 29'],
    ['1e', 'reserved 30'],
    ['1f', 'indefinite'],
    ['20', 'negative'],
    ['c001', 'tagged'],
    ['f6', 'null'],
    ['f93c00', 'float'],
    ['', 'nothing'],
    ['18', 'cut before the value'],
    ['1b000000', 'cut within the value'],
  ])('%s is refused: %s', (digits) => {
    expect(() => readUnsigned(at(digits), U64_LARGEST)).toThrow(refused);
  });

  test('over the limit are refused', () => {
    expect(readUnsigned(at('190100'), 256n)).toBe(256n);
    expect(() => readUnsigned(at('190101'), 256n)).toThrow(refused);
  });
});

describe('byte strings', () => {
  test.each([
    ['5f42010243030405ff', 'chunked'],
    ['580401020304', 'length not in its shortest form'],
    ['430102', 'cut'],
    ['6401020304', 'text'],
    ['4401020304', 'too long'],
    ['420102', 'too short'],
    ['5bffffffffffffffff', 'a length that no memory has'],
    ['c243010203', 'tagged'],
  ])('%s is refused: %s', (digits) => {
    expect(() => readByteString(at(digits), 3)).toThrow(refused);
  });

  test('are copied out', () => {
    const cursor = at('43010203');
    const read = readByteString(cursor, 3);
    cursor.bytes.fill(0);
    expect(read).toEqual(Uint8Array.of(1, 2, 3));
  });
});

test.each(['9f', '9800', '990005', 'a0', '85'.replace('8', 'b'), 'd985', ''])('array head %s is refused', (digits) => {
  expect(() => readArrayLength(at(digits))).toThrow(refused);
});

test.each(['f6', 'f7', 'f814', 'f8f5', '00', '01', 'c0f5', ''])('boolean %s is refused', (digits) => {
  expect(() => readBoolean(at(digits))).toThrow(refused);
});

test('what is encoded reads back, and one number has one form only', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: U64_LARGEST }),
      fc.uint8Array({ maxLength: 400 }),
      fc.boolean(),
      (n, b, t) => {
        const bytes = encodeArray([encodeUnsigned(n), encodeByteString(b), encodeBoolean(t)]);
        const cursor = { bytes, offset: 0 };
        expect(readArrayLength(cursor)).toBe(3n);
        expect(readUnsigned(cursor, U64_LARGEST)).toBe(n);
        expect(readByteString(cursor, b.length)).toEqual(b);
        expect(readBoolean(cursor)).toBe(t);
        expect(cursor.offset).toBe(bytes.length);
      },
    ),
    { seed: 1, numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 9 }), (bytes) => {
      const cursor = { bytes, offset: 0 };
      let value;
      try {
        value = readUnsigned(cursor, U64_LARGEST);
      } catch {
        return;
      }
      expect(encodeUnsigned(value)).toEqual(bytes.slice(0, cursor.offset));
    }),
    { seed: 2, numRuns: 2000 },
  );
});
