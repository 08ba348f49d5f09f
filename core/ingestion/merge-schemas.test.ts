import { Bool, type DataType, Field, Float64, Int64, Schema, Utf8 } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { mergeSchemas, sameSchema } from './merge-schemas.ts';

const file = (name: string, columns: Readonly<Record<string, DataType>>, nullable = false) => ({
  name,
  schema: new Schema(Object.entries(columns).map(([column, type]) => new Field(column, type, nullable))),
});
const types = (schema: Schema) => schema.fields.map(({ type }) => String(type));

describe('columns of several files', () => {
  test('that agree stay', () => {
    const files = [file('a', { x: new Int64(), y: new Utf8() }), file('b', { x: new Int64(), y: new Utf8() })];
    expect(sameSchema(mergeSchemas(files), files[0]!.schema)).toBe(true);
  });

  test('become what can hold the values of all', () => {
    const merged = mergeSchemas([
      file('a', { n: new Int64(), t: new Int64(), b: new Bool() }),
      file('b', { n: new Float64(), t: new Utf8(), b: new Int64() }, true),
    ]);
    expect(types(merged)).toEqual(['Float64', 'Utf8', 'Utf8']);
    expect(merged.fields.every(({ nullable }) => nullable)).toBe(true);
  });

  test.each([
    ['a missing column', { x: new Int64() }],
    ['another column', { x: new Int64(), y: new Utf8(), z: new Utf8() }],
    ['another order', { y: new Utf8(), x: new Int64() }],
  ])('with %s are refused by the name of the file', (_, columns) => {
    expect(() => mergeSchemas([file('a.csv', { x: new Int64(), y: new Utf8() }), file('b.csv', columns)])).toThrow(
      expect.objectContaining({ code: 'SCHEMA_MISMATCH', message: expect.stringContaining('b.csv') }),
    );
  });
});
