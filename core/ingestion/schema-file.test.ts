import { describe, expect, test } from 'vitest';
import { isGranaryError, toUtf8 } from '#core/kernel/index.ts';
import { isJsonField } from './column-names.ts';
import { parseSchemaFile } from './schema-file.ts';

const columns = (...list: object[]) => JSON.stringify({ columns: list });

describe('schema files', () => {
  test.each([
    ['int8', 'Int8'],
    ['int16', 'Int16'],
    ['int32', 'Int32'],
    ['int64', 'Int64'],
    ['uint8', 'Uint8'],
    ['uint16', 'Uint16'],
    ['uint32', 'Uint32'],
    ['uint64', 'Uint64'],
    ['float32', 'Float32'],
    ['float64', 'Float64'],
    ['boolean', 'Bool'],
    ['text', 'Utf8'],
    ['json', 'Utf8'],
    ['binary', 'Binary'],
    ['date', 'Date32<DAY>'],
    ['time', 'Time64<MICROSECOND>'],
    ['time(s)', 'Time32<SECOND>'],
    ['time(ns)', 'Time64<NANOSECOND>'],
    ['timestamp', 'Timestamp<MICROSECOND>'],
    ['timestamp(s)', 'Timestamp<SECOND>'],
    [' timestamp( ns , Asia/Tokyo ) ', 'Timestamp<NANOSECOND, Asia/Tokyo>'],
    ['decimal(38, 38)', 'Decimal[38e+38]'],
    ['decimal(5,0)', 'Decimal[5e0]'],
  ])('%s is %s', (type, expected) => {
    const { fields } = parseSchemaFile(toUtf8(`\uFEFF${columns({ name: 'a', type })}`));
    expect(String(fields[0]!.type)).toBe(expected);
    expect(fields[0]!.nullable).toBe(true);
    expect(isJsonField(fields[0]!)).toBe(type === 'json');
  });

  test('columns may refuse nulls', () => {
    expect(parseSchemaFile(columns({ name: 'a', type: 'text', nullable: false })).fields[0]!.nullable).toBe(false);
  });

  test.each([
    ['', '', 'not JSON'],
    ['[]', '', 'the whole'],
    ['{}', 'columns', 'columns'],
    [columns(), 'columns', 'columns'],
    [columns({ name: 'a' }), 'columns[0].type', 'columns[0].type'],
    [columns({ name: '', type: 'text' }), 'columns[0].name', 'columns[0].name'],
    [columns({ name: 'a', type: 'text', nulable: true }), 'columns[0]', 'nulable'],
    [columns({ name: 'a', type: 'text' }, { name: 'a', type: 'text' }), 'columns[1].name', '"a" stands there twice'],
    [columns({ name: 'a', type: 'varchar' }), 'columns[0].type', '"varchar" is no type. Types are int8'],
    [columns({ name: 'a', type: 'decimal(39,1)' }), 'columns[0].type', 'is no type'],
    [columns({ name: 'a', type: 'decimal(3,4)' }), 'columns[0].type', 'is no type'],
    [columns({ name: 'a', type: 'decimal' }), 'columns[0].type', 'is no type'],
    [columns({ name: 'a', type: 'timestamp(us, Nowhere/City)' }), 'columns[0].type', 'is no type'],
    [columns({ name: 'a', type: 'text(5)' }), 'columns[0].type', 'is no type'],
    [columns(...Array.from({ length: 1001 }, (_, i) => ({ name: `c${i}`, type: 'text' }))), 'columns', 'columns'],
    [' '.repeat(5_000_000), '', 'longer than'],
  ])('wrong %#', (text, field, message) => {
    let caught: unknown;
    try {
      parseSchemaFile(text);
    } catch (error) {
      caught = error;
    }
    expect(isGranaryError(caught, 'FILE_SCHEMA')).toBe(true);
    const { message: told, details } = caught as { message: string; details: object };
    expect(told).toContain(message);
    expect(details).toEqual({ field });
  });

  test('bytes that are not UTF-8', () => {
    expect(() => parseSchemaFile(Uint8Array.of(0xff))).toThrow('not JSON');
  });
});
