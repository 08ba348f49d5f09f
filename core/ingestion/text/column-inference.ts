import {
  Bool,
  DateDay,
  type DataType,
  Decimal,
  Float64,
  Int64,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  Utf8,
} from 'apache-arrow';
import { DECIMAL_DIGITS_MAX, KIND, kindOfText, type Kind, type KindShapes } from './value-kind.ts';

/** Characters of a value that a note may quote. */
const EXAMPLE_CHARACTERS_MAX = 40;

/** What has been seen of one column so far; of fixed size, whatever the number of rows. */
export interface ColumnInference {
  /** All kinds seen, or-ed. */
  kinds: number;
  /** Widest numbers seen, in digits before and behind the point. */
  integerDigits: number;
  scale: number;
  /** Digits of the finest fraction of a second. */
  fractionDigits: number;
  yearMin: number;
  yearMax: number;
  textCount: number;
  typedCount: number;
  firstText: string | undefined;
}

export const newColumnInference = (): ColumnInference => ({
  kinds: 0,
  integerDigits: 0,
  scale: 0,
  fractionDigits: 0,
  yearMin: Infinity,
  yearMax: -Infinity,
  textCount: 0,
  typedCount: 0,
  firstText: undefined,
});

const INTEGERS = KIND.INTEGER | KIND.LONG | KIND.HUGE | KIND.INEXACT;
const NUMBERS = INTEGERS | KIND.FLOAT | KIND.FLOAT_ONLY | KIND.DECIMAL;
const TIMESTAMPS = KIND.TIMESTAMP | KIND.TIMESTAMP_UTC;
const TEXTS = KIND.TEXT | KIND.LEADING_ZERO;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Takes one value that is not empty and not null into account. */
export function observeText(
  column: ColumnInference,
  bytes: Uint8Array,
  start: number,
  end: number,
  shapes: KindShapes,
): void {
  observeKind(column, kindOfText(bytes, start, end, shapes), bytes, start, end, shapes);
}

/** The same for a value whose kind is known; `shapes` must be as the classification left them. */
export function observeKind(
  column: ColumnInference,
  kind: Kind,
  bytes: Uint8Array,
  start: number,
  end: number,
  shapes: KindShapes,
): void {
  column.kinds |= kind;
  if (kind & TEXTS) {
    column.textCount++;
    column.firstText ??= exampleOf(bytes, start, end);
    return;
  }
  column.typedCount++;
  if (kind & NUMBERS) {
    if (shapes.number.integerDigits > column.integerDigits) column.integerDigits = shapes.number.integerDigits;
    if (shapes.number.scale > column.scale) column.scale = shapes.number.scale;
  } else if (kind & TIMESTAMPS) {
    const { fractionDigits, year } = shapes.calendar;
    if (fractionDigits > column.fractionDigits) column.fractionDigits = fractionDigits;
    if (year < column.yearMin) column.yearMin = year;
    if (year > column.yearMax) column.yearMax = year;
  }
}

function exampleOf(bytes: Uint8Array, start: number, end: number): string {
  const text = decoder.decode(bytes.subarray(start, Math.min(end, start + EXAMPLE_CHARACTERS_MAX * 4)));
  const characters = Array.from(text);
  return characters.length <= EXAMPLE_CHARACTERS_MAX
    ? text
    : `${characters.slice(0, EXAMPLE_CHARACTERS_MAX).join('')}…`;
}

/** The type of a column, and why it is text when most of it is not. */
export interface InferredType {
  readonly type: DataType;
  /** The values are JSON texts. */
  readonly json?: true;
  readonly note?: string;
}

const only = (kinds: number, allowed: number) => (kinds & ~allowed) === 0;

/** The narrowest type that holds every value seen without loss. */
export function inferType(column: ColumnInference): InferredType {
  const { kinds } = column;
  if (kinds === 0 || kinds === KIND.TEXT) return { type: new Utf8() };
  if (kinds & KIND.NESTED) {
    return kinds === KIND.NESTED
      ? { type: new Utf8(), json: true, note: 'holds objects or arrays, which are kept as JSON text' }
      : {
          type: new Utf8(),
          json: true,
          note: 'holds objects or arrays beside plain values; all are kept as JSON text',
        };
  }
  if (kinds & TEXTS) return { type: new Utf8(), note: textNote(column) };
  if (kinds === KIND.BOOLEAN) return { type: new Bool() };
  if (kinds === KIND.DATE) return { type: new DateDay() };
  if (only(kinds, KIND.INTEGER | KIND.LONG | KIND.INEXACT)) return { type: new Int64() };
  if (only(kinds, INTEGERS)) return decimalType(column);
  if (only(kinds, NUMBERS & ~KIND.DECIMAL & ~KIND.INEXACT)) return { type: new Float64() };
  if (only(kinds, NUMBERS)) return decimalType(column);
  if (kinds === KIND.TIMESTAMP) return timestampType(column, null);
  if (kinds === KIND.TIMESTAMP_UTC) return timestampType(column, 'UTC');
  return { type: new Utf8(), note: `holds ${namesOf(kinds)} and stays text` };
}

function decimalType({ kinds, integerDigits, scale }: ColumnInference): InferredType {
  const precision = Math.max(1, integerDigits + scale);
  if (kinds & KIND.FLOAT_ONLY || precision > DECIMAL_DIGITS_MAX) {
    return { type: new Utf8(), note: 'holds numbers that no one number type keeps exactly and stays text' };
  }
  return { type: new Decimal(scale, precision, 128) };
}

/** 64 bits of nanoseconds reach from 1677-09-21 to 2262-04-11; whole years are enough here. */
const NANOSECOND_YEARS = { min: 1678, max: 2261 };

function timestampType(column: ColumnInference, zone: string | null): InferredType {
  const { fractionDigits, yearMin, yearMax } = column;
  if (fractionDigits <= 3) return { type: new TimestampMillisecond(zone) };
  if (fractionDigits <= 6) return { type: new TimestampMicrosecond(zone) };
  if (yearMin < NANOSECOND_YEARS.min || yearMax > NANOSECOND_YEARS.max) {
    return { type: new Utf8(), note: 'holds nanoseconds outside the years 1678 to 2261 and stays text' };
  }
  return { type: new TimestampNanosecond(zone) };
}

function namesOf(kinds: number): string {
  const names: string[] = [];
  if (kinds & KIND.BOOLEAN) names.push('booleans');
  if (kinds & NUMBERS) names.push('numbers');
  if (kinds & KIND.DATE) names.push('dates');
  if (kinds & KIND.TIMESTAMP) names.push('times without a zone');
  if (kinds & KIND.TIMESTAMP_UTC) names.push('times with a zone');
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function textNote({ kinds, textCount, typedCount, firstText }: ColumnInference): string {
  if (!(kinds & KIND.TEXT) && only(kinds, NUMBERS | KIND.LEADING_ZERO))
    return 'holds numbers with leading zeros and stays text';
  if (typedCount === 0) return 'holds numbers with leading zeros beside other text and stays text';
  const values = textCount === 1 ? 'one value' : `${textCount} values`;
  return `holds ${typedCount} ${namesOf(kinds)} and ${values} of text, the first ${JSON.stringify(firstText)}, and stays text`;
}
