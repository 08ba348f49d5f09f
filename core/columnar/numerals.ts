import { ByteReader, ByteWriter } from './byte-io.ts';
import { checkExpansion } from './expansion.ts';
import type { TextValues } from './text.ts';

/** Digits at one place of all values. */
export interface Field {
  /** How many digits, with zeros in front; 0 for as many as the number needs. */
  readonly width: number;
  readonly least: number;
  /** How many numbers there are from the least to the greatest. */
  readonly count: number;
}

/**
 * What texts like "ORD-00017", "00501" or "2012-01-31 06:00" have in common: `literals[0]`, field 0, `literals[1]`, …,
 * the last literal. A value is then one number, in which the first field counts most.
 */
export interface NumeralPattern {
  readonly literals: readonly Uint8Array[];
  readonly fields: readonly Field[];
}

/** More digits might not be exact as a double. */
const FIELD_DIGITS_MAX = 15;
const FIELDS_MAX = 16;
/** A pattern is written out for every value, so that a long one would blow up a small file. */
export const PATTERN_BYTES_MAX = 256;

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** The pattern of at least one text, and each text as a number; undefined when they have none in common. */
export function findNumerals(text: TextValues): { pattern: NumeralPattern; numbers: Float64Array } | undefined {
  const literals = literalsOf(text.bytes.subarray(0, text.offsets[1]!));
  const fieldCount = literals.length - 1;
  if (fieldCount < 1 || fieldCount > FIELDS_MAX) return undefined;
  const parsed = parseFields(text, literals);
  if (!parsed) return undefined;
  const { numbers: parts, widths } = parsed;
  const count = text.offsets.length - 1;
  const fields: Field[] = [];
  const numbers = new Float64Array(count);
  let numberCount = 1;
  for (let f = 0; f < fieldCount; f++) {
    let least = Infinity;
    let greatest = 0;
    for (let at = f; at < parts.length; at += fieldCount) {
      least = Math.min(least, parts[at]!);
      greatest = Math.max(greatest, parts[at]!);
    }
    const field = { width: widths[f]!, least, count: greatest - least + 1 };
    fields.push(field);
    numberCount *= field.count;
    if (numberCount > Number.MAX_SAFE_INTEGER) return undefined;
    for (let i = 0; i < count; i++) numbers[i] = numbers[i]! * field.count + parts[i * fieldCount + f]! - least;
  }
  const pattern = { literals, fields };
  return writePattern(pattern).length <= PATTERN_BYTES_MAX ? { pattern, numbers } : undefined;
}

/** What stands before, between and after the digits of a text. */
function literalsOf(value: Uint8Array): Uint8Array[] {
  const literals: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    const start = at;
    while (at < value.length && !isDigit(value[at]!)) at++;
    literals.push(value.slice(start, at));
    if (at === value.length) return literals;
    while (at < value.length && isDigit(value[at]!)) at++;
  }
}

/** The fields of all values, one value after another, and their widths; undefined at the first value that differs. */
function parseFields(
  { offsets, bytes }: TextValues,
  literals: readonly Uint8Array[],
): { numbers: Float64Array; widths: readonly number[] } | undefined {
  const fieldCount = literals.length - 1;
  const count = offsets.length - 1;
  const numbers = new Float64Array(count * fieldCount);
  const least = new Int32Array(fieldCount).fill(FIELD_DIGITS_MAX);
  const most = new Int32Array(fieldCount);
  const padded = new Uint8Array(fieldCount);
  for (let i = 0, to = 0; i < count; i++) {
    const end = offsets[i + 1]!;
    let at = offsets[i]!;
    for (let f = 0; f <= fieldCount; f++) {
      const literal = literals[f]!;
      for (let k = 0; k < literal.length; k++) if (bytes[at++] !== literal[k]) return undefined;
      if (f === fieldCount) break;
      const start = at;
      let number = 0;
      for (; at < end && isDigit(bytes[at]!); at++) number = number * 10 + bytes[at]! - 0x30;
      const digits = at - start;
      if (digits === 0 || digits > FIELD_DIGITS_MAX) return undefined;
      if (digits > 1 && bytes[start] === 0x30) padded[f] = 1;
      if (digits < least[f]!) least[f] = digits;
      if (digits > most[f]!) most[f] = digits;
      numbers[to++] = number;
    }
    if (at !== end) return undefined;
  }
  for (let f = 0; f < fieldCount; f++) if (padded[f] === 1 && least[f] !== most[f]) return undefined;
  return { numbers, widths: [...most].map((width, f) => (least[f] === width ? width : 0)) };
}

/**
 *     pattern = literal field*
 *     field   = width:byte least count literal
 *     literal = byteCount bytes
 */
export function writePattern({ literals, fields }: NumeralPattern): Uint8Array {
  const writer = new ByteWriter();
  const write = (literal: Uint8Array) => writer.number(literal.length).bytes(literal);
  write(literals[0]!);
  fields.forEach(({ width, least, count }, f) => {
    writer.byte(width).number(least).number(count);
    write(literals[f + 1]!);
  });
  return writer.finish();
}

/** Undefined for a pattern that {@link findNumerals} would not find. Errors: `FORMAT_INVALID` when it ends early. */
export function readPattern(bytes: Uint8Array): NumeralPattern | undefined {
  if (bytes.length > PATTERN_BYTES_MAX) return undefined;
  const reader = new ByteReader(bytes);
  const literals = [reader.bytes(reader.number())];
  const fields: Field[] = [];
  let numberCount = 1;
  while (!reader.done) {
    const field = { width: reader.byte(), least: reader.number(), count: reader.number() };
    fields.push(field);
    literals.push(reader.bytes(reader.number()));
    numberCount *= field.count;
    const greatest = field.least + field.count - 1;
    const digitsMax = field.width || FIELD_DIGITS_MAX;
    if (field.count < 1 || digitsMax > FIELD_DIGITS_MAX || greatest >= 10 ** digitsMax) return undefined;
  }
  const sound = fields.length > 0 && fields.length <= FIELDS_MAX && numberCount <= Number.MAX_SAFE_INTEGER;
  return sound ? { literals, fields } : undefined;
}

/** The texts of numbers; undefined when a number has none. Errors: `LIMIT_EXCEEDED` for more than `bytesMax`. */
export function numeralTexts(
  { literals, fields }: NumeralPattern,
  numbers: Float64Array,
  bytesMax: number,
): TextValues | undefined {
  const offsets = new Int32Array(numbers.length + 1);
  const literalBytes = literals.reduce((sum, literal) => sum + literal.length, 0);
  const numberCount = fields.reduce((product, field) => product * field.count, 1);
  const parts = new Float64Array(fields.length);
  const split = (number: number): number => {
    let rest = number;
    let length = literalBytes;
    for (let f = fields.length - 1; f >= 0; f--) {
      const { count, least, width } = fields[f]!;
      const whole = Math.floor(rest / count);
      const part = rest - whole * count + least;
      parts[f] = part;
      rest = whole;
      length += width || digitsOf(part);
    }
    return length;
  };
  let total = 0;
  for (let i = 0; i < numbers.length; i++) {
    if (!(numbers[i]! >= 0 && numbers[i]! < numberCount)) return undefined;
    total += split(numbers[i]!);
    offsets[i + 1] = total;
  }
  checkExpansion(total, bytesMax);
  const bytes = new Uint8Array(total);
  for (let i = 0; i < numbers.length; i++) {
    split(numbers[i]!);
    let at = offsets[i]!;
    for (let f = 0; f <= fields.length; f++) {
      const literal = literals[f]!;
      for (let k = 0; k < literal.length; k++) bytes[at++] = literal[k]!;
      if (f === fields.length) break;
      let part = parts[f]!;
      const end = at + (fields[f]!.width || digitsOf(part));
      for (let digit = end - 1; digit >= at; digit--) {
        const tens = Math.floor(part / 10);
        bytes[digit] = 0x30 + part - tens * 10;
        part = tens;
      }
      at = end;
    }
  }
  return { kind: 'text', offsets, bytes };
}

function digitsOf(number: number): number {
  let digits = 1;
  for (let limit = 10; number >= limit; limit *= 10) digits++;
  return digits;
}
