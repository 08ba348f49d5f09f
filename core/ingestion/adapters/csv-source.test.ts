import { describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { COLUMNS_MAX, QUARANTINE_RAW_MAX, RECORD_BYTES_MAX } from '../limits.ts';
import { parseSchemaFile } from '../schema-file.ts';
import { failure, memoryFile, readInput, readText } from '../testing/inputs.ts';

const schemaOf = (columns: Record<string, string>, required: readonly string[] = []) =>
  parseSchemaFile(
    JSON.stringify({
      columns: Object.entries(columns).map(([name, type]) => ({ name, type, nullable: !required.includes(name) })),
    }),
  );

describe('values of inferred columns', () => {
  test('every type, with nulls', async () => {
    const { schema, rows, format } = await readText(
      [
        'b,i,f,d,t,u,n,x',
        'true,1,1.5,2024-02-29,2024-01-01T10:20:30.5,2024-01-01T10:20:30+02:00,123456789012345678.5,"a ""b"", c"',
        ',,,,,,,',
        'false,-9223372036854775808,-0.25,1969-12-31,1969-12-31T23:59:59.999,1970-01-01T00:00Z,-0.5,',
      ].join('\n'),
    );
    expect(format).toBe('csv');
    expect(schema).toEqual([
      'b: Bool',
      'i: Int64',
      'f: Float64',
      'd: Date32<DAY>',
      't: Timestamp<MILLISECOND>',
      'u: Timestamp<MILLISECOND, UTC>',
      'n: Decimal[19e+1]',
      'x: Utf8',
    ]);
    expect(rows).toEqual([
      [true, '1', 1.5, Date.UTC(2024, 1, 29), '1704104430500', '1704097230000', '1234567890123456785', 'a "b", c'],
      [null, null, null, null, null, null, null, null],
      [false, '-9223372036854775808', -0.25, -86_400_000, '-1', '0', '-5', null],
    ]);
  });

  test('microseconds and nanoseconds beyond 53 bits are exact', async () => {
    const { rows } = await readText(
      'a,b\n9999-12-31T23:59:59.999999,2261-12-31T23:59:59.999999999\n0001-01-01 00:00:00.000001,1678-01-01T00:00:00.000000001',
    );
    expect(rows).toEqual([
      ['253402300799999999', '9214646399999999999'],
      ['-62135596799999999', String(BigInt(Date.UTC(1678, 0, 1)) * 1_000_000n + 1n)],
    ]);
  });

  test('an empty field is null; a quoted one is empty text in a text column and null in others', async () => {
    const { rows } = await readText('a,b,c\n,1,x\n"","",""\ny,,\n');
    expect(rows).toEqual([
      [null, '1', 'x'],
      ['', null, ''],
      ['y', null, null],
    ]);
  });

  test('text is kept byte for byte', async () => {
    const { rows } = await readText('a,b\n x ,"\t"\n日本\u0001,\u{1F600}\n\uFEFFx,e\u0301\n');
    expect(rows).toEqual([
      [' x ', '\t'],
      ['日本\u0001', '\u{1F600}'],
      ['\uFEFFx', 'e\u0301'],
    ]);
  });

  test('a header alone is an empty table of text columns', async () => {
    const { schema, rows } = await readText('a,b\n');
    expect(schema).toEqual(['a: Utf8', 'b: Utf8']);
    expect(rows).toEqual([]);
  });

  test('a byte order mark is no part of the first name', async () => {
    const { schema, rows } = await readText('\uFEFF"a";b\r\n1;2\r\n');
    expect(schema).toEqual(['a: Int64', 'b: Int64']);
    expect(rows).toEqual([['1', '2']]);
  });

  test('names are made whole and different, and that is noted', async () => {
    const { schema, notes } = await readText('a,,a,a_2,\n1,2,3,4,5\n');
    expect(schema.map((field) => field.split(':')[0])).toEqual(['a', 'column_2', 'a_2_2', 'a_2', 'column_5']);
    expect(notes).toEqual([
      'column_2 has no name in the file; column 2 is called "column_2"',
      'a_2_2 is called "a" in the file, as an earlier column is',
      'column_5 has no name in the file; column 5 is called "column_5"',
    ]);
  });

  test('empty lines are left out, except that one column reads them as null', async () => {
    expect((await readText('\n\na,b\n\n1,2\n\n')).rows).toEqual([['1', '2']]);
    expect((await readText('a\n1\n\n2\n')).rows).toEqual([['1'], [null], ['2']]);
  });

  test.each([1, 7, 65_536])('chunks of %i bytes give the same batches', async (chunkBytes) => {
    const lines = Array.from({ length: 3000 }, (_, i) => `${i},"é ""${i}""\r\n",2024-01-0${1 + (i % 9)},${i / 8}\r\n`);
    const text = `\uFEFFn,t,d,f\r\n${lines.join('')}`;
    const whole = await readText(text, { chunkBytes: Infinity });
    const chunked = await readText(text, { chunkBytes });
    expect({ ...chunked, batches: [] }).toEqual({ ...whole, batches: [] });
    expect(chunked.batches.map((batch) => batch.numRows)).toEqual([3000]);
    expect(chunked.rows[2999]).toEqual(['2999', 'é "2999"\r\n', Date.UTC(2024, 0, 3), 374.875]);
  });

  test('batches hold at most 65,536 rows, fewer in wide tables', async () => {
    const narrow = await readText(`a\n${'1\n'.repeat(70_000)}`);
    expect(narrow.batches.map((batch) => batch.numRows)).toEqual([65_536, 4464]);
    const names = Array.from({ length: COLUMNS_MAX }, (_, i) => `c${i}`).join(',');
    const wide = await readText(`${names}\n${`${','.repeat(COLUMNS_MAX - 1)}\n`.repeat(9000)}`);
    expect(wide.batches.map((batch) => batch.numRows)).toEqual([8388, 612]);
  });
});

describe('bad text', () => {
  test.each<[string, string, string]>([
    ['FILE_EMPTY', '', 'holds no data'],
    ['FILE_EMPTY', '\uFEFF', 'holds no data'],
    ['FILE_EMPTY', '\n\n', 'holds no data'],
    ['FILE_FORMAT', 'a,b\n1,\0\n', 'byte 6 is zero'],
    ['ROW_INVALID', 'a,b\n1,2\n3\n', 'input, record 2, line 3: the row has 1 fields, the header has 2'],
    ['ROW_INVALID', 'a,b\n1,2,3\n', 'the row has 3 fields, the header has 2'],
    ['ROW_INVALID', 'a,b\n"1"x,2\n', 'text follows the closing quote'],
    ['FILE_FORMAT', 'a,b\n1,2\n"3,4\n5,6\n', 'record 2, line 3: a quote that opens in this line is never closed'],
    ['FILE_FORMAT', '"a,b\n1,2\n', 'no readable header'],
    ['LIMIT_EXCEEDED', `a,b\n${'x'.repeat(RECORD_BYTES_MAX)},1\n`, 'record 1, line 2: the record is longer'],
    ['LIMIT_EXCEEDED', `${','.repeat(COLUMNS_MAX)}\n`, '1001 columns'],
  ])('%s %#', async (code, text, message) => {
    expect(await failure(readText(text), code as 'FILE_EMPTY')).toContain(message);
  });

  test.each([
    [[0x61, 0x0a, 0xe9, 0x0a], 'byte 2 is wrong'],
    [[0x61, 0x0a, 0xc3, 0xa9, 0xff], 'byte 4 is wrong'],
    [[0x61, 0x0a, 0xc3], 'byte 2 is wrong'],
    [[0x61, 0x0a, 0xed, 0xa0, 0x80], 'byte 2 is wrong'],
    [[0xff, 0xfe, 0x61, 0x00], 'UTF-16'],
    [[0xfe, 0xff, 0x00, 0x61], 'UTF-16'],
  ])('bytes %j are no UTF-8, in chunks of any size', async (bytes, message) => {
    for (const chunkBytes of [1, 2, 3, 100]) {
      const file = memoryFile(Uint8Array.from(bytes), { chunkBytes });
      expect(await failure(readInput(file), 'FILE_ENCODING')).toContain(message);
    }
  });

  test('the offset of a wrong byte counts from the start of a long file', async () => {
    const bytes = toUtf8(`a\n${'é\n'.repeat(100_000)}`);
    bytes[150_001] = 0xff;
    const offset = bytes.indexOf(0xff);
    const { length } = bytes.subarray(0, offset);
    const message = await failure(readInput(memoryFile(bytes, { chunkBytes: 4096 })), 'FILE_ENCODING');
    expect(message).toMatch(new RegExp(`byte (${length}|${length - 1}) is wrong`));
  });

  test('quarantine keeps bad rows with their place and reads the others', async () => {
    const { rows, quarantined, schema } = await readText('\uFEFFa,b\n1,x\n2\n"3"q,y\n4,"z\nz"\n5,6,7\n"8,end', {
      onError: 'quarantine',
    });
    expect(schema).toEqual(['a: Int64', 'b: Utf8']);
    expect(rows).toEqual([
      ['1', 'x'],
      ['4', 'z\nz'],
    ]);
    expect(quarantined).toEqual([
      {
        source: 'input',
        record: 2,
        line: 3,
        byteOffset: 11,
        reason: 'the row has 1 fields, the header has 2',
        raw: '2',
      },
      {
        source: 'input',
        record: 3,
        line: 4,
        byteOffset: 13,
        reason: 'text follows the closing quote of a field',
        raw: '"3"q,y',
      },
      {
        source: 'input',
        record: 5,
        line: 7,
        byteOffset: 28,
        reason: 'the row has 3 fields, the header has 2',
        raw: '5,6,7',
      },
      {
        source: 'input',
        record: 6,
        line: 8,
        byteOffset: 34,
        reason: 'a quote that opens in this line is never closed',
        raw: '"8,end',
      },
    ]);
  });

  test('a long bad row is cut and marked', async () => {
    const { quarantined } = await readText(`a,b\n${'x'.repeat(QUARANTINE_RAW_MAX + 1)}\n1,2\n`, {
      onError: 'quarantine',
    });
    expect(quarantined[0]!.raw).toBe(`${'x'.repeat(QUARANTINE_RAW_MAX)}… (cut)`);
  });
});

describe('a given schema', () => {
  const types = {
    i8: 'int8',
    u16: 'uint16',
    i64: 'int64',
    u64: 'uint64',
    f32: 'float32',
    f64: 'float64',
    b: 'boolean',
    t: 'text',
    x: 'binary',
    d: 'date',
    h: 'time(ms)',
    ts: 'timestamp(us)',
    tz: 'timestamp(ms, Europe/Berlin)',
    n: 'decimal(5,2)',
    j: 'json',
  };
  const good = {
    i8: '-128',
    u16: '65535',
    i64: '-9223372036854775808',
    u64: '18446744073709551615',
    f32: '0.1',
    f64: 'NaN',
    b: 'false',
    t: '007',
    x: 'AP8=',
    d: '2024-02-29',
    h: '23:59:59.999',
    ts: '2024-01-01T00:00:00.000001',
    tz: '2024-01-01T00:00:00+01:00',
    n: '-123.45',
    j: '"{""a"":[1]}"',
  };
  const text = (row: Record<string, string>) => `${Object.keys(row).join(',')}\n${Object.values(row).join(',')}\n`;

  test('values of every type', async () => {
    const { rows } = await readText(text(good), { schema: schemaOf(types) });
    expect(rows).toEqual([
      [
        -128,
        65_535,
        '-9223372036854775808',
        '18446744073709551615',
        Math.fround(0.1),
        NaN,
        false,
        '007',
        '00ff',
        Date.UTC(2024, 1, 29),
        '86399999',
        '1704067200000001',
        '1704063600000',
        '-12345',
        '{"a":[1]}',
      ],
    ]);
  });

  test.each([
    ['i8', '128'],
    ['i8', '-129'],
    ['i8', '1.0'],
    ['i8', 'x'],
    ['u16', '-1'],
    ['u16', '65536'],
    ['i64', '9223372036854775808'],
    ['u64', '18446744073709551616'],
    ['u64', '-1'],
    ['f32', '1e39'],
    ['f64', '1e400'],
    ['f64', '9007199254740993'],
    ['f32', '16777217'],
    ['f64', 'toString'],
    ['f64', 'nan'],
    ['b', 'yes'],
    ['x', 'AP8'],
    ['x', '!!!!'],
    ['d', '2023-02-29'],
    ['h', '24:00:00'],
    ['h', '10:00:00.0001'],
    ['ts', '2024-01-01T00:00:00.0000001'],
    ['ts', '2024-01-01T00:00:00Z'],
    ['tz', '2024-01-01T00:00:00'],
    ['n', '1000.00'],
    ['n', '1.234'],
    ['n', '1e2'],
    ['j', '{a}'],
  ])('%s refuses %s', async (column, value) => {
    const row = { ...good, [column]: value };
    const message = await failure(readText(text(row), { schema: schemaOf(types) }), 'ROW_INVALID');
    expect(message).toContain(`record 1, line 2: column "${column}": ${JSON.stringify(value)} is no`);
    const { rows, quarantined } = await readText(text(row), { schema: schemaOf(types), onError: 'quarantine' });
    expect(rows).toEqual([]);
    expect(quarantined).toHaveLength(1);
  });

  test('a bad row leaves nothing of itself behind', async () => {
    const { rows, quarantined } = await readText('a,b,c\nx,true,1\nlonger,false,z\n,,\ny,true,3\n', {
      schema: schemaOf({ a: 'text', b: 'boolean', c: 'int32' }),
      onError: 'quarantine',
    });
    expect(rows).toEqual([
      ['x', true, 1],
      [null, null, null],
      ['y', true, 3],
    ]);
    expect(quarantined.map(({ record }) => record)).toEqual([2]);
  });

  test('trailing zeros beyond the scale are no loss', async () => {
    const { rows } = await readText('n\n1.2300\n.5\n-0\n007\n', { schema: schemaOf({ n: 'decimal(5,2)' }) });
    expect(rows).toEqual([['123'], ['50'], ['0'], ['700']]);
  });

  test('columns come in the order of the schema', async () => {
    const { rows } = await readText('b,a\n1,2\n', { schema: schemaOf({ a: 'int8', b: 'int8' }) });
    expect(rows).toEqual([[2, 1]]);
  });

  test('columns that do not take nulls', async () => {
    const schema = schemaOf({ a: 'int8', b: 'text' }, ['a', 'b']);
    expect((await readText('a,b\n1,""\n', { schema })).rows).toEqual([[1, '']]);
    expect(await failure(readText('a,b\n,x\n', { schema }), 'ROW_INVALID')).toContain('column "a" must not be empty');
    expect(await failure(readText('a,b\n1,\n', { schema }), 'ROW_INVALID')).toContain('column "b" must not be empty');
  });

  test('missing and extra columns are named', async () => {
    const schema = schemaOf({ a: 'int8', b: 'int8' });
    expect(await failure(readText('a,c\n1,2\n', { schema }), 'FILE_SCHEMA')).toContain(
      'lacks the columns "b" and has columns that the schema does not name: "c"',
    );
  });
});
