/**
 * Values between JavaScript and PostgreSQL's text format, one rule for both engines: the drivers' own rules differ from
 * each other and from version to version. Source: PostgreSQL 18 manual, chapter 8 (datatypes), 8.15.6 (array syntax).
 */
import { toHex } from '#core/kernel/index.ts';
import type { SqlScalar, SqlValue } from './ports.ts';

/** A parameter as PostgreSQL's text; null stays null. */
export function toSqlText(value: SqlValue): string | null {
  return isArray(value) ? toArrayText(value) : scalarText(value);
}

const isArray = (value: SqlValue): value is readonly SqlScalar[] => Array.isArray(value);

function scalarText(value: SqlScalar): string | null {
  if (value === null) return null;
  if (value instanceof Uint8Array) return `\\x${toHex(value)}`;
  if (value instanceof Date) return value.toISOString();
  return String(value);
}

function toArrayText(values: readonly SqlScalar[]): string {
  const elements = values.map((value) => {
    const text = scalarText(value);
    return text === null ? 'NULL' : `"${text.replace(/["\\]/g, String.raw`\$&`)}"`;
  });
  return `{${elements.join(',')}}`;
}

type Parse = (text: string) => unknown;

const parseBytea: Parse = (text) => {
  const bytes = new Uint8Array((text.length - 2) >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 + 2 * i, 4 + 2 * i), 16);
  return bytes;
};

/** `2026-11-23 06:40:05.123456+00`, as the session's settings make it; infinity, BC and years over 9999 stay text. */
const parseTimestamp: Parse = (text) => {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text);
  if (!match) return text;
  const [, day, time, fraction = ''] = match;
  return new Date(`${day}T${time}.${fraction.padEnd(3, '0').slice(0, 3)}Z`);
};

/** Object identifiers of the types that are not handed out as text: pg_type.dat of PostgreSQL. */
const SCALARS: Readonly<Record<number, { readonly array: number; readonly parse: Parse }>> = {
  16: { array: 1000, parse: (text) => text === 't' },
  17: { array: 1001, parse: parseBytea },
  20: { array: 1016, parse: BigInt },
  21: { array: 1005, parse: Number },
  23: { array: 1007, parse: Number },
  114: { array: 199, parse: JSON.parse },
  700: { array: 1021, parse: Number },
  701: { array: 1022, parse: Number },
  1184: { array: 1185, parse: parseTimestamp },
  3802: { array: 3807, parse: JSON.parse },
};

const TEXT: Parse = (text) => text;

/** Types whose values stay text but whose arrays come as arrays: text, varchar, uuid, date, numeric. */
const TEXT_ARRAYS = [1009, 1015, 2951, 1182, 1231];

/** How to read a value of each type, by its object identifier; a type that is not listed stays text. */
export const SQL_PARSERS: Readonly<Record<number, Parse>> = Object.fromEntries([
  ...Object.entries(SCALARS).flatMap(([oid, { array, parse }]): [number, Parse][] => [
    [Number(oid), parse],
    [array, (text) => parseArray(text, parse)],
  ]),
  ...TEXT_ARRAYS.map((oid): [number, Parse] => [oid, (text) => parseArray(text, TEXT)]),
]);

/** Reads `{1,NULL,"a \"b\""}` and nested arrays; the bounds prefix (`[2:3]=`) is left out. */
function parseArray(text: string, parse: Parse): unknown[] {
  let position = text.indexOf('{');
  const readArray = (): unknown[] => {
    const elements: unknown[] = [];
    position += 1;
    while (text[position] !== '}') {
      if (text[position] === ',') position += 1;
      elements.push(text[position] === '{' ? readArray() : readElement());
    }
    position += 1;
    return elements;
  };
  const readElement = (): unknown => {
    if (text[position] === '"') {
      const start = position + 1;
      do position += text[position] === '\\' ? 2 : 1;
      while (text[position] !== '"');
      const quoted = text.slice(start, position).replace(/\\(.)/gs, '$1');
      position += 1;
      return parse(quoted);
    }
    const start = position;
    while (text[position] !== ',' && text[position] !== '}') position += 1;
    const bare = text.slice(start, position);
    return bare === 'NULL' ? null : parse(bare);
  };
  return readArray();
}
