import {
  DateDay,
  DateMillisecond,
  Decimal,
  Field,
  Float32,
  Float64,
  Int64,
  List,
  Schema,
  TimestampMillisecond,
  TimestampNanosecond,
  Utf8,
} from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import type { ScanFilter } from '../ports.ts';
import { LAKE_IN_VALUES_MAX, lakeConditions } from './lake-filter.ts';

const schema = new Schema([
  new Field('n', new Int64(), true),
  new Field('t', new Utf8(), true),
  new Field('f', new Float64(), true),
  new Field('r', new Float32(), true),
  new Field('d', new Decimal(2, 9, 128), true),
  new Field('day', new DateDay(), true),
  new Field('ms', new TimestampMillisecond(), true),
  new Field('ns', new TimestampNanosecond(), true),
  new Field('list', new List(new Field('item', new Int64())), true),
  new Field('date64', new DateMillisecond(), true),
]);

const sql = (filter: ScanFilter, inexact: readonly number[] = []) =>
  lakeConditions([filter], schema, new Set(inexact))[0];

describe('a filter for PostgreSQL', () => {
  test('has literals of the type of the column', () => {
    expect(sql({ column: 'n', op: '>=', value: 5 })).toBe(`c0 >= '5'::bigint`);
    expect(sql({ column: 'n', op: '=', value: '9223372036854775807' })).toBe(`c0 = '9223372036854775807'::bigint`);
    expect(sql({ column: 'n', op: '<', value: '9223372036854775808' })).toBe(`c0 < '9223372036854775808'::numeric`);
    expect(sql({ column: 'f', op: '=', value: 0.1 })).toBe(`c2 = '0.1'::float8`);
    expect(sql({ column: 'd', op: '<=', value: '12.50' })).toBe(`c4 <= '12.50'::numeric`);
    expect(sql({ column: 'day', op: '>', value: -1 })).toBe(`c5 > 'J2440587'::date`);
    expect(sql({ column: 'ms', op: '>', value: -1 })).toBe(`c6 > 'J2440587 23:59:59.999000'::timestamp`);
    expect(sql({ column: 'ns', op: '=', value: '1700000000000000000' })).toBe(`c7 = '1700000000000000000'::bigint`);
    expect(sql({ column: 'n', op: 'in', values: [1, 2] })).toBe(`c0 IN ('1'::bigint, '2'::bigint)`);
    expect(sql({ column: 't', op: 'is not null' })).toBe('c1 IS NOT NULL');
  });

  test('cannot be broken out of by text', () => {
    expect(sql({ column: 't', op: '=', value: `'; DROP TABLE x; --` })).toBe(
      `c1 = E'''; DROP TABLE x; --' COLLATE "C"`,
    );
    expect(sql({ column: 't', op: '=', value: String.raw`\' OR 1=1` })).toBe(
      String.raw`c1 = E'\\'' OR 1=1' COLLATE "C"`,
    );
    expect(sql({ column: 'n', op: '=', value: '1 OR 1=1' })).toBeUndefined();
    expect(sql({ column: 'd', op: '=', value: `1'::numeric OR '1` })).toBeUndefined();
    expect(sql({ column: 'f', op: '=', value: 'Infinity' })).toBeUndefined();
  });

  test('is widened where an engine may round another way', () => {
    expect(sql({ column: 'r', op: '>', value: 0.1 })).toBe(`c3 >= '0.10000000149011612'::real`);
    expect(sql({ column: 'r', op: '<', value: 0.1 })).toBe(`c3 <= '0.10000000149011612'::real`);
  });

  test.each<[string, ScanFilter]>([
    ['an unknown column', { column: 'x', op: '=', value: 1 }],
    ['a nested column', { column: 'list', op: 'is null' }],
    ['a number that may be rounded', { column: 'n', op: '=', value: 2 ** 60 }],
    ['a fraction', { column: 'n', op: '<', value: 1.5 }],
    ['null', { column: 'n', op: '=', value: null }],
    ['a value of another type', { column: 't', op: '=', value: 1 }],
    ['text that PostgreSQL cannot have', { column: 't', op: '=', value: 'a\0' }],
    ['text that is no Unicode', { column: 't', op: '=', value: '\ud800' }],
    ['a time out of range', { column: 'ms', op: '<', value: '9223372036854775807' }],
    ['a date out of range', { column: 'day', op: '<', value: -3_000_000 }],
    ['dates in milliseconds', { column: 'date64', op: '=', value: 0 }],
    ['an empty list', { column: 'n', op: 'in', values: [] }],
    ['a list with a value that cannot be carried over', { column: 'n', op: 'in', values: [1, null] }],
    [
      'a very long list',
      { column: 'n', op: 'in', values: Array.from({ length: LAKE_IN_VALUES_MAX + 1 }, (_, i) => i) },
    ],
  ])('leaves out %s', (_, filter) => {
    expect(sql(filter)).toBeUndefined();
  });

  test('leaves out columns in which values are missing', () => {
    expect(sql({ column: 't', op: 'is null' }, [1])).toBeUndefined();
  });
});
