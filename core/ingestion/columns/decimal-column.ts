import type { DataType } from 'apache-arrow';
import { type ColumnBuilder, withValidity } from './column-builder.ts';
import { asciiText, newNumberShape, scanNumber } from '../text/number-text.ts';

/** A column of decimal128: 16 bytes a value, two's complement, little-endian, scaled by 10^`scale`. */
export function createDecimalColumn(type: DataType, precision: number, scale: number, capacity: number): ColumnBuilder {
  const limit = 10n ** BigInt(precision);
  const shape = newNumberShape();
  let halves = new BigInt64Array(capacity * 2);
  return withValidity(type, capacity, {
    write(row, bytes, start, end) {
      if (!scanNumber(bytes, start, end, shape) || shape.exponent || shape.integerDigits > precision) return false;
      const unscaled = scaledText(asciiText(bytes, start, end), shape.scale, scale);
      if (unscaled === undefined) return false;
      const value = BigInt(unscaled);
      if (value >= limit || value <= -limit) return false;
      halves[row * 2] = value;
      halves[row * 2 + 1] = value >> 64n;
      return true;
    },
    writeNull(row) {
      halves[row * 2] = 0n;
      halves[row * 2 + 1] = 0n;
    },
    take(rowCount) {
      const data = new Uint32Array(halves.buffer, 0, rowCount * 4);
      halves = new BigInt64Array(capacity * 2);
      return { data };
    },
  });
}

/** The digits of a plain decimal brought from `from` to `to` places; undefined when a digit would be cut. */
function scaledText(text: string, from: number, to: number): string | undefined {
  const digits = text.replace('.', '');
  if (from <= to) return digits + '0'.repeat(to - from);
  const cut = from - to;
  if (/[^0]/.test(digits.slice(-cut))) return undefined;
  const kept = digits.slice(0, -cut);
  return kept === '' || kept === '-' ? '0' : kept;
}
