import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { inferType, newColumnInference, observeText } from './column-inference.ts';
import { asciiText, isExactAsFloat, newNumberShape, scanNumber, toFloat } from './number-text.ts';
import { newKindShapes } from './value-kind.ts';

function infer(values: readonly string[]) {
  const column = newColumnInference();
  const shapes = newKindShapes();
  for (const value of values) {
    const bytes = toUtf8(`<${value}>`);
    observeText(column, bytes, 1, bytes.length - 1, shapes);
  }
  return inferType(column);
}
const typeOf = (values: readonly string[]) => String(infer(values).type);

describe('the type of a column', () => {
  test.each<[string, ...string[]]>([
    ['Bool', 'true', 'false'],
    ['Utf8', 'True', 'FALSE'],
    ['Utf8', 'true', '1'],
    ['Int64', '0', '-1', '42'],
    ['Int64', '9223372036854775807', '-9223372036854775808'],
    ['Decimal[19e0]', '9223372036854775808', '1'],
    ['Decimal[38e0]', '9'.repeat(38), '-1'],
    ['Utf8', '9'.repeat(39)],
    ['Utf8', '007', '1'],
    ['Utf8', '-01'],
    ['Utf8', '00'],
    ['Float64', '-0'],
    ['Float64', '-0', '12'],
    ['Utf8', '+5', '1'],
    ['Utf8', ' 5'],
    ['Utf8', '5 '],
    ['Utf8', '1,000'],
    ['Utf8', '1_000'],
    ['Utf8', '5.'],
    ['Utf8', '0x10'],
    ['Utf8', '-'],
    ['Utf8', '.'],
    ['Utf8', '--1'],
    ['Utf8', '1.2.3'],
    ['Utf8', '1e'],
    ['Float64', '.5', '-.25'],
    ['Float64', '1.50', '2'],
    ['Float64', '1e5', '2.5E-3', '1e+10'],
    ['Float64', '123456789.123456'],
    ['Float64', '0.30000000000000004', '0.1'],
    ['Float64', '1.500000000000000000000'],
    ['Float64', '1e308', '2.2250738585072014e-308'],
    ['Utf8', '1e400'],
    ['Utf8', '1e-400'],
    ['Utf8', '4.9e-324'],
    ['Float64', '5e-324'],
    ['Utf8', '0.12345678901234567890123e3'],
    ['Decimal[20e+19]', '1.2345678901234567891'],
    ['Decimal[21e+18]', '123.456789012345678912', '1', '2.5'],
    ['Decimal[17e+1]', '9007199254740993', '1.5'],
    ['Decimal[18e+2]', '9007199254740993', '1.55'],
    ['Float64', '9007199254740992', '0.5', '1e-7'],
    ['Float64', '100000000000000000000', '0.5'],
    ['Decimal[21e0]', '100000000000000000000', '1'],
    ['Utf8', '9007199254740993', '1e5'],
    ['Utf8', '9007199254740993', '-0', '0.5'],
    ['Utf8', `${'9'.repeat(20)}.${'1'.repeat(19)}`],
    ['Int64', '9007199254740993', '9007199254740992'],
    ['Utf8', 'NaN', '1'],
    ['Utf8', 'inf', '1.5'],
    ['Utf8', 'Infinity'],
    ['Date32<DAY>', '2024-02-29', '0000-01-01', '9999-12-31'],
    ['Utf8', '2023-02-29'],
    ['Utf8', '2024-13-01'],
    ['Utf8', '2024-00-01'],
    ['Utf8', '2024-04-31'],
    ['Utf8', '2024-4-1'],
    ['Utf8', '1900-02-29'],
    ['Date32<DAY>', '2000-02-29'],
    ['Utf8', '2024-01-01', '2024-01-01T00:00:00'],
    ['Timestamp<MILLISECOND>', '2024-01-01T10:20', '2024-01-01 10:20:30', '2024-01-01T10:20:30.5'],
    ['Timestamp<MICROSECOND>', '2024-01-01T10:20:30', '2024-01-01T10:20:30.1234'],
    ['Timestamp<NANOSECOND>', '2024-01-01T10:20:30.123456789'],
    ['Utf8', '2024-01-01T10:20:30.1234567890'],
    ['Utf8', '2024-01-01T10:20:30.123456789', '2300-01-01T00:00:00'],
    [
      'Timestamp<MILLISECOND, UTC>',
      '2024-01-01T10:20:30Z',
      '2024-01-01T10:20:30+02:00',
      '2024-01-01T10:20-0330',
      '2024-01-01T10:20+01',
    ],
    ['Utf8', '2024-01-01T10:20:30Z', '2024-01-01T10:20:30'],
    ['Utf8', '2024-01-01T24:00:00'],
    ['Utf8', '2024-01-01T23:59:60'],
    ['Utf8', '2024-01-01T10:60:00'],
    ['Utf8', '2024-01-01T10'],
    ['Utf8', '2024-01-01T10:20:30.'],
    ['Utf8', '2024-01-01T10:20:30Zx'],
    ['Utf8', '2024-01-01T10:20:30+2'],
    ['Utf8', '2024-01-01T10:20:30+02:60'],
    ['Utf8', '2024-01-01t10:20:30'],
    ['Utf8', '2024-01-01  10:20:30'],
    ['Utf8', 'abc', 'x'],
    ['Utf8'],
  ])('%s for %j', (expected, ...values) => {
    expect(typeOf(values)).toBe(expected);
    expect(typeOf(values.toReversed())).toBe(expected);
  });

  test.each([
    [['007', '12'], 'holds numbers with leading zeros and stays text'],
    [['007', 'A1'], 'holds numbers with leading zeros beside other text and stays text'],
    [['1', '2', 'n/a'], 'holds 2 numbers and one value of text, the first "n/a", and stays text'],
    [
      ['x', '2024-01-01', 'true', 'y'],
      'holds 2 booleans and dates and 2 values of text, the first "x", and stays text',
    ],
    [['2024-01-01', '5'], 'holds numbers and dates and stays text'],
    [['9007199254740993', '1e5'], 'holds numbers that no one number type keeps exactly and stays text'],
  ])('%j is noted', (values, note) => {
    expect(infer(values).note).toBe(note);
  });

  test('plain text needs no note', () => {
    expect(infer(['a', 'b']).note).toBeUndefined();
  });
});

describe('numbers as float64', () => {
  const scan = (text: string) => {
    const bytes = toUtf8(text);
    const shape = newNumberShape();
    return scanNumber(bytes, 0, bytes.length, shape)
      ? { value: toFloat(bytes, 0, bytes.length, shape), isExact: isExactAsFloat(bytes, 0, bytes.length, shape) }
      : undefined;
  };

  test('every float comes back from its shortest text, and counts as exact', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = Object.is(value, -0) ? '-0' : String(value);
        expect(scan(text)).toEqual({ value, isExact: true });
      }),
      { seed: 3, numRuns: 20_000 },
    );
  });

  test('decimals of up to 15 digits are read as Number reads them', () => {
    const digits = fc.bigInt({ min: 0n, max: 10n ** 15n - 1n });
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 22 }), fc.boolean(), (whole, scale, isNegative) => {
        const padded = String(whole).padStart(scale + 1, '0');
        const text =
          (isNegative ? '-' : '') + (scale === 0 ? padded : `${padded.slice(0, -scale)}.${padded.slice(-scale)}`);
        expect(scan(text)).toEqual({ value: Number(text), isExact: true });
      }),
      { seed: 5, numRuns: 20_000 },
    );
  });

  test('a number counts as exact only when its float has the same shortest digits', () => {
    const text = fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 25n }), fc.integer({ min: 1, max: 24 }));
    fc.assert(
      fc.property(text, ([whole, scale]) => {
        const padded = String(whole).padStart(scale + 1, '0');
        const written = `${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
        const { value, isExact } = scan(written)!;
        if (!isExact || !/^\d+\.?\d*$/.test(String(value))) return;
        const [left = '', right = ''] = String(value).split('.');
        expect(`${left}.${right.padEnd(scale, '0')}`).toBe(written);
      }),
      { seed: 9, numRuns: 5000 },
    );
  });

  test('ASCII text', () => {
    expect(asciiText(toUtf8('xabcx'), 1, 4)).toBe('abc');
  });
});
