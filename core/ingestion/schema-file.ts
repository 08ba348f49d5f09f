import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  Schema,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
} from 'apache-arrow';
import { z } from 'zod';
import { fromUtf8, GranaryError } from '#core/kernel/index.ts';
import { JSON_MARK } from './column-names.ts';
import { COLUMNS_MAX, SCHEMA_FILE_BYTES_MAX } from './limits.ts';
import { DECIMAL_DIGITS_MAX } from './text/value-kind.ts';

const schemaFile = z.strictObject({
  columns: z
    .array(z.strictObject({ name: z.string().min(1), type: z.string(), nullable: z.boolean().optional() }))
    .min(1)
    .max(COLUMNS_MAX),
});

const PLAIN_TYPES: ReadonlyMap<string, () => DataType> = new Map<string, () => DataType>([
  ['int8', () => new Int8()],
  ['int16', () => new Int16()],
  ['int32', () => new Int32()],
  ['int64', () => new Int64()],
  ['uint8', () => new Uint8()],
  ['uint16', () => new Uint16()],
  ['uint32', () => new Uint32()],
  ['uint64', () => new Uint64()],
  ['float32', () => new Float32()],
  ['float64', () => new Float64()],
  ['boolean', () => new Bool()],
  ['text', () => new Utf8()],
  ['binary', () => new Binary()],
  ['date', () => new DateDay()],
  ['time', () => new TimeMicrosecond()],
  ['timestamp', () => new TimestampMicrosecond()],
  ['json', () => new Utf8()],
]);

const TIMES: ReadonlyMap<string, () => DataType> = new Map<string, () => DataType>([
  ['s', () => new TimeSecond()],
  ['ms', () => new TimeMillisecond()],
  ['us', () => new TimeMicrosecond()],
  ['ns', () => new TimeNanosecond()],
]);

const TIMESTAMPS: ReadonlyMap<string, (zone: string | null) => DataType> = new Map([
  ['s', (zone: string | null): DataType => new TimestampSecond(zone)],
  ['ms', (zone: string | null): DataType => new TimestampMillisecond(zone)],
  ['us', (zone: string | null): DataType => new TimestampMicrosecond(zone)],
  ['ns', (zone: string | null): DataType => new TimestampNanosecond(zone)],
]);

/** What a message tells about types that can be named. */
const TYPES_HELP = `${[...PLAIN_TYPES.keys()].join(', ')}, decimal(precision, scale), time(unit), timestamp(unit[, zone]); units are s, ms, us, ns`;

/** Undefined when no type is called so. */
function typeOf(text: string): DataType | undefined {
  const match = /^\s*([a-z0-9]+)\s*(?:\(\s*([^()]*?)\s*\))?\s*$/.exec(text);
  if (!match) return undefined;
  const [, name = '', list] = match;
  if (list === undefined) return PLAIN_TYPES.get(name)?.();
  const args = list.split(/\s*,\s*/);
  if (name === 'decimal' && args.length === 2) return decimalOf(args[0]!, args[1]!);
  if (name === 'time' && args.length === 1) return TIMES.get(args[0]!)?.();
  if (name !== 'timestamp' || args.length > 2) return undefined;
  const zone = args[1] ?? null;
  return zone === null || isZone(zone) ? TIMESTAMPS.get(args[0]!)?.(zone) : undefined;
}

function decimalOf(precisionText: string, scaleText: string): DataType | undefined {
  if (!/^\d{1,2}$/.test(precisionText) || !/^\d{1,2}$/.test(scaleText)) return undefined;
  const precision = Number(precisionText);
  const scale = Number(scaleText);
  const isPossible = precision >= 1 && precision <= DECIMAL_DIGITS_MAX && scale <= precision;
  return isPossible ? new Decimal(scale, precision, 128) : undefined;
}

function isZone(zone: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

const wrong = (message: string, field: string, cause?: unknown) =>
  new GranaryError('FILE_SCHEMA', `The schema file is wrong: ${message}`, { field }, { cause });

/**
 * Reads a schema file: `{ "columns": [{ "name": "zip", "type": "text", "nullable": false }] }`. Columns take nulls
 * unless they say otherwise. A `timestamp` has microseconds and no zone unless it says otherwise, and `time` microseconds.
 * Errors: `FILE_SCHEMA` naming the field that is wrong.
 */
export function parseSchemaFile(file: Uint8Array | string): Schema {
  if (file.length > SCHEMA_FILE_BYTES_MAX) {
    throw wrong(`it is longer than ${SCHEMA_FILE_BYTES_MAX} bytes.`, '');
  }
  let json: unknown;
  try {
    const text = typeof file === 'string' ? file : fromUtf8(file);
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw wrong(`it is not JSON (${(error as Error).message}).`, '', error);
  }
  const parsed = schemaFile.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = (issue?.path ?? [])
      .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
      .join('')
      .replace(/^\./, '');
    throw wrong(`${field === '' ? 'the whole' : field}: ${issue?.message ?? 'not as expected'}.`, field);
  }
  const names = new Set<string>();
  const fields = parsed.data.columns.map(({ name, type, nullable }, i) => {
    if (names.has(name))
      throw wrong(`columns[${i}].name: ${JSON.stringify(name)} stands there twice.`, `columns[${i}].name`);
    names.add(name);
    const dataType = typeOf(type);
    if (!dataType) {
      throw wrong(
        `columns[${i}].type: ${JSON.stringify(type)} is no type. Types are ${TYPES_HELP}.`,
        `columns[${i}].type`,
      );
    }
    const metadata = type.trim() === 'json' ? new Map([[JSON_MARK, 'true']]) : undefined;
    return new Field(name, dataType, nullable ?? true, metadata);
  });
  return new Schema(fields);
}
