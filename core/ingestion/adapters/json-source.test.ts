import { describe, expect, test } from 'vitest';
import { isJsonField } from '../column-names.ts';
import { COLUMNS_MAX, RECORD_BYTES_MAX } from '../limits.ts';
import { parseSchemaFile } from '../schema-file.ts';
import { failure, readText } from '../testing/inputs.ts';

const schemaOf = (columns: Record<string, string>, nullable = true) =>
  parseSchemaFile(
    JSON.stringify({ columns: Object.entries(columns).map(([name, type]) => ({ name, type, nullable })) }),
  );

/** The same objects as an array and as lines. */
const forms = (objects: readonly string[]) => [
  `[${objects.join(' ,\n')}]\n`,
  objects.join('\r\n'),
  `\uFEFF[\n${objects.join(',')}\n]`,
];

describe('values', () => {
  test('every kind, missing keys, and keys in the order they are seen', async () => {
    for (const text of forms([
      '{"b": true, "i": 1, "s": "x"}',
      '{"i": null, "s": "\\u00e9\\n\\"", "f": 1.5, "d": "2024-02-29", "t": "2024-01-01T10:20:30Z"}',
      '{}',
    ])) {
      const { schema, rows } = await readText(text);
      expect(schema).toEqual([
        'b: Bool',
        'i: Int64',
        's: Utf8',
        'f: Float64',
        'd: Date32<DAY>',
        't: Timestamp<MILLISECOND, UTC>',
      ]);
      expect(rows).toEqual([
        [true, '1', 'x', null, null, null],
        [null, null, 'é\n"', 1.5, Date.UTC(2024, 1, 29), '1704104430000'],
        [null, null, null, null, null, null],
      ]);
    }
  });

  test.each([
    ['9007199254740993', 'Int64', '9007199254740993'],
    ['-9223372036854775808', 'Int64', '-9223372036854775808'],
    ['18446744073709551615', 'Decimal[20e0]', '18446744073709551615'],
    ['1.2345678901234567891', 'Decimal[20e+19]', '12345678901234567891'],
    ['0.1', 'Float64', 0.1],
    ['-0', 'Float64', -0],
    ['1e21', 'Float64', 1e21],
    ['1E400', 'Utf8', '1E400'],
    ['123456789012345678901234567890123456789012', 'Utf8', '123456789012345678901234567890123456789012'],
    ['1e-7', 'Float64', 1e-7],
  ])('the number %s keeps its digits', async (text, type, value) => {
    const { schema, rows } = await readText(`{"n": ${text}}`);
    expect(schema).toEqual([`n: ${type}`]);
    expect(rows).toEqual([[value]]);
  });

  test('text that looks like a number stays text', async () => {
    const { schema, rows } = await readText('{"a":"1","b":"true"}\n{"a":"007","b":""}');
    expect(schema).toEqual(['a: Utf8', 'b: Utf8']);
    expect(rows).toEqual([
      ['1', 'true'],
      ['007', ''],
    ]);
  });

  test('mixed plain values become text and say so', async () => {
    const { schema, rows, notes } = await readText('[{"a":1},{"a":"x"},{"a":false},{"a":12345678901234567890}]');
    expect(schema).toEqual(['a: Utf8']);
    expect(rows).toEqual([['1'], ['x'], ['false'], ['12345678901234567890']]);
    expect(notes).toEqual(['a holds 3 booleans and numbers and one value of text, the first "x", and stays text']);
  });

  test('objects and arrays are kept as JSON text with every digit, plain values beside them too', async () => {
    const { schema, rows, notes, batches } = await readText(
      '{"a":{"x":[1,12345678901234567890]},"b":[]}\n{"a":{"__proto__":1},"b":"t"}\n{"b":0.30000000000000000001}\n{"a":null,"b":"\\ud800 half".length}'
        .split('\n')
        .slice(0, 3)
        .join('\n'),
    );
    expect(schema).toEqual(['a: Utf8', 'b: Utf8']);
    expect(batches[0]!.schema.fields.every(isJsonField)).toBe(true);
    expect(rows).toEqual([
      ['{"x":[1,12345678901234567890]}', '[]'],
      ['{"__proto__":1}', '"t"'],
      [null, '0.30000000000000000001'],
    ]);
    expect(notes).toEqual([
      'a holds objects or arrays, which are kept as JSON text',
      'b holds objects or arrays beside plain values; all are kept as JSON text',
    ]);
  });

  test('keys like those of every object are only keys', async () => {
    const { schema, rows } = await readText(
      '{"__proto__":1,"constructor":"x","raw":1,"reason":"r","fault":true}\n{"toString":2}',
    );
    expect(schema.map((field) => field.split(':')[0])).toEqual([
      '__proto__',
      'constructor',
      'raw',
      'reason',
      'fault',
      'toString',
    ]);
    expect(rows).toEqual([
      ['1', 'x', '1', 'r', true, null],
      [null, null, null, null, null, '2'],
    ]);
  });

  test.each([1, 7, 65_536])('chunks of %i bytes give the same rows', async (chunkBytes) => {
    const objects = Array.from({ length: 500 }, (_, i) => `{"n": ${i}, "t": "}],\\"é\\\\", "o": {"a": [${i}, "]"]}}`);
    for (const text of forms(objects)) {
      const { rows } = await readText(text, { chunkBytes });
      expect(rows).toEqual(objects.map((_, i) => [String(i), '}],"é\\', `{"a":[${i},"]"]}`]));
    }
  });
});

describe('bad JSON', () => {
  test.each<[string, string, string]>([
    ['FILE_EMPTY', '[]', 'holds no records'],
    ['FILE_FORMAT', '[{}]', 'no record with a key'],
    ['FILE_TRUNCATED', '[{"a":1},{"a":2}', 'ends before its JSON array does'],
    ['FILE_TRUNCATED', '[{"a":1},{"a":', 'ends before its JSON array does'],
    ['FILE_TRUNCATED', '[{"a":1},', 'ends before its JSON array does'],
    ['FILE_TRUNCATED', '{"a":1}\n{"a":', 'record 2, line 2'],
    ['FILE_FORMAT', '[{"a":1}] x', 'goes on behind the end'],
    ['FILE_FORMAT', '[{"a":1}][{"a":1}]', 'goes on behind the end'],
    ['FILE_FORMAT', '{"a": {\n"b": 1}}\n', 'over several lines'],
    ['ROW_INVALID', '[{"a":1},]', 'record 2'],
    ['ROW_INVALID', '[{"a":1},,{"a":2}]', 'record 2'],
    ['ROW_INVALID', '[{"a":1} {"a":2}]', 'record 1'],
    ['ROW_INVALID', '[{"a":1},5]', 'record 2, line 1: the record is no JSON object'],
    ['ROW_INVALID', '[{"a":1},\n[1]]', 'record 2, line 2: the record is no JSON object'],
    ['ROW_INVALID', '{"a":1}\nnull\n', 'record 2, line 2: the record is no JSON object'],
    ['ROW_INVALID', '{"a":1}\n{a:1}\n', 'record 2, line 2: no JSON value'],
    ['ROW_INVALID', '{"a":"\\ud800"}\n', 'half of a surrogate pair'],
    ['ROW_INVALID', '{"\\udc00":1}\n', 'half of a surrogate pair'],
    ['LIMIT_EXCEEDED', `{"a":1}\n{"a":"${'x'.repeat(RECORD_BYTES_MAX)}"}\n`, 'record 2, line 2: the record is longer'],
    ['LIMIT_EXCEEDED', `[{"a":"${'x'.repeat(RECORD_BYTES_MAX)}"}]`, 'record 1, line 1: the record is longer'],
    ['FILE_FORMAT', '{"a":1}\n\0', 'byte 8 is zero'],
  ])('%s %#', async (code, text, message) => {
    expect(await failure(readText(text), code as 'FILE_EMPTY')).toContain(message);
  });

  test('too many keys', async () => {
    const objects = Array.from({ length: COLUMNS_MAX + 1 }, (_, i) => `{"k${i}":1}`);
    expect(await failure(readText(objects.join('\n')), 'LIMIT_EXCEEDED')).toContain('1001 columns');
  });

  test('JSON nested deeper than the stack is refused or read, but does not crash', async () => {
    const deep = 200_000;
    const text = `{"a":${'['.repeat(deep)}${']'.repeat(deep)}}\n{"a":1}`;
    const { rows, quarantined } = await readText(text, { onError: 'quarantine' });
    expect(rows.length + quarantined.length).toBe(2);
  });

  test('quarantine keeps bad records with their place', async () => {
    const lines = await readText('{"a":1}\n\n  {"a":} \n{"a":2}\n7\n{"a":', { onError: 'quarantine' });
    expect(lines.rows).toEqual([['1'], ['2']]);
    expect(lines.quarantined.map(({ record, line, byteOffset, raw }) => [record, line, byteOffset, raw])).toEqual([
      [2, 3, 9, '  {"a":} '],
      [4, 5, 27, '7'],
      [5, 6, 29, '{"a":'],
    ]);
    const array = await readText('[{"a":1},\n{"a":\n},{"a":2}, 7 ]', { onError: 'quarantine' });
    expect(array.rows).toEqual([['1'], ['2']]);
    expect(array.quarantined.map(({ record, line, byteOffset, raw }) => [record, line, byteOffset, raw])).toEqual([
      [2, 2, 10, '{"a":\n}'],
      [4, 3, 27, '7 '],
    ]);
  });
});

describe('a given schema', () => {
  test('values are read as the types say', async () => {
    const { rows } = await readText(
      '{"n":1,"t":2.5,"j":"x","d":"2024-01-01","b":"AP8=","f":3}\n{"n":"2","t":true,"j":{"a":1}}',
      {
        schema: schemaOf({ n: 'int8', t: 'text', j: 'json', d: 'date', b: 'binary', f: 'float32' }),
      },
    );
    expect(rows).toEqual([
      [1, '2.5', '"x"', Date.UTC(2024, 0, 1), '00ff', 3],
      [2, 'true', '{"a":1}', null, null, null],
    ]);
  });

  test('a value that does not fit is a bad row', async () => {
    const schema = schemaOf({ a: 'int8' });
    expect(await failure(readText('{"a":1}\n{"a":300}', { schema }), 'ROW_INVALID')).toContain(
      'record 2, line 2: column "a": "300" is no Int8',
    );
    const { rows, quarantined } = await readText('{"a":1}\n{"a":"x"}\n{"a":3}', { schema, onError: 'quarantine' });
    expect(rows).toEqual([[1], [3]]);
    expect(quarantined).toHaveLength(1);
  });

  test('keys that are missing everywhere are null, unless the column takes none', async () => {
    expect((await readText('{"a":1}', { schema: schemaOf({ a: 'int8', b: 'int8' }) })).rows).toEqual([[1, null]]);
    const strict = schemaOf({ a: 'int8', b: 'int8' }, false);
    expect(await failure(readText('{"a":1}', { schema: strict }), 'FILE_SCHEMA')).toContain('lacks the columns "b"');
    expect(await failure(readText('{"a":1,"b":1}\n{"a":1}', { schema: strict }), 'ROW_INVALID')).toContain(
      'must not be empty',
    );
    expect(await failure(readText('{"c":1}', { schema: schemaOf({ a: 'int8' }) }), 'FILE_SCHEMA')).toContain('"c"');
  });
});
