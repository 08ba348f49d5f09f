import {
  Binary,
  Bool,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  DurationMillisecond,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  IntervalMonthDayNano,
  List,
  makeData,
  Map_,
  Null,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  TimeMillisecond,
  TimeNanosecond,
  Timestamp,
  TimeUnit,
  Uint64,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { formatRows, type RowFormat } from './format-rows.ts';
import { jsonField } from './json-column.ts';

async function print(format: RowFormat, table: Table, width?: number): Promise<string> {
  async function* batches(): AsyncGenerator<RecordBatch> {
    yield* table.batches;
  }
  const parts: Uint8Array[] = [];
  for await (const part of formatRows(format, table.schema, batches(), width)) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** A table of one value given as raw buffers: what Arrow's builders would round does not pass through them. */
const one = (type: Field['type'], data: ArrayLike<unknown>, more: object = {}): Table => {
  const field = new Field('v', type, true);
  const schema = new Schema([field]);
  const child = makeData({ type, length: 1, nullCount: 0, data, ...more } as unknown as Parameters<typeof makeData>[0]);
  return new Table([
    new RecordBatch(schema, makeData({ type: new Struct([field]), length: 1, nullCount: 0, children: [child] })),
  ]);
};

describe('every type in exact text', () => {
  const cases: [string, Table, json: string, text: string][] = [
    [
      'an integer over 2^53',
      one(new Int64(), BigInt64Array.of(-9223372036854775808n)),
      '-9223372036854775808',
      '-9223372036854775808',
    ],
    [
      'an unsigned integer',
      one(new Uint64(), BigUint64Array.of(18446744073709551615n)),
      '18446744073709551615',
      '18446744073709551615',
    ],
    ['a double', one(new Float64(), Float64Array.of(0.1)), '0.1', '0.1'],
    [
      'a large double',
      one(new Float64(), Float64Array.of(1.7976931348623157e308)),
      '1.7976931348623157e+308',
      '1.7976931348623157e+308',
    ],
    ['minus zero', one(new Float64(), Float64Array.of(-0)), '-0', '-0'],
    ['not a number', one(new Float64(), Float64Array.of(Number.NaN)), '"NaN"', 'NaN'],
    ['infinity', one(new Float64(), Float64Array.of(Number.NEGATIVE_INFINITY)), '"-Infinity"', '-Infinity'],
    ['a float', one(new Float32(), Float32Array.of(0.1)), '0.1', '0.1'],
    ['a float of nine digits', one(new Float32(), Float32Array.of(16777.217)), '16777.217', '16777.217'],
    [
      'a decimal',
      one(new Decimal(2, 38, 128), Uint32Array.of(0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff)),
      '-0.01',
      '-0.01',
    ],
    [
      'a decimal of 38 digits',
      one(new Decimal(0, 38, 128), Uint32Array.of(0xffff_ffff, 0x098a_223f, 0x5a86_c47a, 0x4b3b_4ca8)),
      '99999999999999999999999999999999999999',
      '99999999999999999999999999999999999999',
    ],
    ['a boolean', one(new Bool(), Uint8Array.of(1)), 'true', 'true'],
    ['a date', one(new DateDay(), Int32Array.of(19_000)), '"2022-01-08"', '2022-01-08'],
    ['a date before Christ', one(new DateDay(), Int32Array.of(-800_000)), '"-000221-09-04"', '-000221-09-04'],
    ['a far date', one(new DateDay(), Int32Array.of(5_000_000)), '"+015659-07-15"', '+015659-07-15'],
    [
      'a date in milliseconds',
      one(new DateMillisecond(), BigInt64Array.of(-86_400_000n)),
      '"1969-12-31"',
      '1969-12-31',
    ],
    ['a time', one(new TimeMillisecond(), Int32Array.of(45_296_007)), '"12:34:56.007"', '12:34:56.007'],
    [
      'a time in nanoseconds',
      one(new TimeNanosecond(), BigInt64Array.of(1n)),
      '"00:00:00.000000001"',
      '00:00:00.000000001',
    ],
    [
      'a timestamp in nanoseconds',
      one(new Timestamp(TimeUnit.NANOSECOND, null), BigInt64Array.of(1_600_000_000_123_456_789n)),
      '"2020-09-13T12:26:40.123456789"',
      '2020-09-13T12:26:40.123456789',
    ],
    [
      'a timestamp before 1970',
      one(new Timestamp(TimeUnit.MICROSECOND, null), BigInt64Array.of(-1n)),
      '"1969-12-31T23:59:59.999999"',
      '1969-12-31T23:59:59.999999',
    ],
    [
      'a zoned timestamp',
      one(new Timestamp(TimeUnit.SECOND, 'Europe/Paris'), BigInt64Array.of(0n)),
      '"1970-01-01T00:00:00Z"',
      '1970-01-01T00:00:00Z',
    ],
    ['a duration', one(new DurationMillisecond(), BigInt64Array.of(-1500n)), '"PT-1.5S"', 'PT-1.5S'],
    [
      'an interval',
      one(
        new IntervalMonthDayNano(),
        new Int32Array(new Uint8Array(new BigInt64Array([(3n << 32n) | 14n, 1_500_000_000n]).buffer).buffer),
      ),
      '"P14M3DT1.5S"',
      'P14M3DT1.5S',
    ],
    [
      'binary',
      one(new Binary(), Uint8Array.of(0, 255, 16), { valueOffsets: Int32Array.of(0, 3) }),
      '"AP8Q"',
      '\\x00ff10',
    ],
    [
      'text',
      one(new Utf8(), Buffer.from('a "b"\n🙂'), { valueOffsets: Int32Array.of(0, 10) }),
      '"a \\"b\\"\\n🙂"',
      '"a ""b""\n🙂"',
    ],
    ['an empty text', one(new Utf8(), Buffer.from(''), { valueOffsets: Int32Array.of(0, 0) }), '""', '""'],
    ['nothing', one(new Null(), []), 'null', ''],
  ];

  test.each(cases)('%s', async (_, table, json, text) => {
    expect(await print('ndjson', table)).toBe(`{"v":${json}}\n`);
    expect(await print('csv', table)).toBe(`v\r\n${text}\r\n`);
  });

  test('lists, structs, maps and dictionaries', async () => {
    const table = new Table({
      list: vectorFromArray([[1, null], null, []], new List(new Field('item', new Int32(), true))),
      struct: vectorFromArray(
        [{ a: 1, 'b "c"': 'x' }, null, { a: null, 'b "c"': 'y' }],
        new Struct([new Field('a', new Int32(), true), new Field('b "c"', new Utf8(), true)]),
      ),
      map: vectorFromArray(
        [new Map([['k', 1]]), null, new Map()],
        new Map_(
          new Field(
            'entries',
            new Struct([new Field('key', new Utf8()), new Field('value', new Int32(), true)]),
          ) as never,
        ),
      ),
      word: vectorFromArray(['x', null, 'x'], new Dictionary(new Utf8(), new Int32())),
    });
    expect((await print('ndjson', table)).split('\n')).toEqual([
      '{"list":[1,null],"struct":{"a":1,"b \\"c\\"":"x"},"map":{"k":1},"word":"x"}',
      '{"list":null,"struct":null,"map":null,"word":null}',
      '{"list":[],"struct":{"a":null,"b \\"c\\"":"y"},"map":{},"word":"x"}',
      '',
    ]);
    expect((await print('csv', table)).split('\r\n')[1]).toBe(
      '"[1,null]","{""a"":1,""b \\""c\\"""":""x""}","{""k"":1}",x',
    );
  });

  test('JSON text stands in JSON as it is', async () => {
    const field = jsonField('j');
    const child = vectorFromArray(['{"a":[1]}', null], new Utf8()).data[0]!;
    const batch = new RecordBatch(
      new Schema([field]),
      makeData({ type: new Struct([field]), length: 2, nullCount: 0, children: [child] }),
    );
    expect(await print('ndjson', new Table([batch]))).toBe('{"j":{"a":[1]}}\n{"j":null}\n');
  });
});

describe('tables', () => {
  const table = new Table({
    id: vectorFromArray([1, 20, null], new Int32()),
    'a name': vectorFromArray(['x', 'a long text that must be cut somewhere', null], new Utf8()),
  });

  test('align numbers on the right and name nulls', async () => {
    expect(await print('table', table.slice(0, 1).concat(table.slice(2)))).toBe(
      [
        '┌──────┬────────┐',
        '│   id │ a name │',
        '├──────┼────────┤',
        '│    1 │ x      │',
        '│ NULL │ NULL   │',
        '└──────┴────────┘',
        '2 rows',
        '',
      ].join('\n'),
    );
  });

  test('never get wider than the terminal', async () => {
    for (const width of [20, 24, 30, 40, 60]) {
      const lines = (await print('table', table, width)).trimEnd().split('\n').slice(0, -1);
      expect(Math.max(...lines.map((line) => line.length)), `width ${width}`).toBeLessThanOrEqual(width);
      expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    }
    const wide = new Table(
      Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`c${i}`, vectorFromArray([i], new Int32())])),
    );
    expect(await print('table', wide, 40)).toMatch(/1 row, \d+ more columns do not fit\n$/);
  });

  test('let no value move the cursor', async () => {
    const hostile = new Table({ v: vectorFromArray(['a\n\u001b[2J\u202eb\t'], new Utf8()) });
    const text = await print('table', hostile);
    expect(text).toContain('a\\n\\u001b[2J\\u202eb\\t');
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  test('count wide characters twice', async () => {
    const wide = new Table({ v: vectorFromArray(['数据', 'e\u0301'], new Utf8()) });
    const lines = (await print('table', wide)).split('\n');
    expect(lines[3]).toBe('│ 数据 │');
    expect(lines[4]).toBe('│ e\u0301    │');
  });

  test('print without rows and stream past the sample', async () => {
    expect(await print('table', table.slice(0, 0))).toMatch(/a name.*\n├.*\n└.*\n0 rows\n$/);
    const many = new Table({
      n: vectorFromArray(
        Array.from({ length: 3000 }, (_, i) => i),
        new Int32(),
      ),
    });
    const lines = (await print('table', many)).split('\n');
    expect(lines).toHaveLength(3 + 3000 + 3);
    expect(lines.at(-2)).toBe('3000 rows');
  });
});

test('JSON is one document', async () => {
  const table = new Table({ a: vectorFromArray([1, 2], new Int32()) });
  expect(JSON.parse(await print('json', table))).toEqual([{ a: 1 }, { a: 2 }]);
  expect(JSON.parse(await print('json', table.slice(0, 0)))).toEqual([]);
});

test('Arrow comes back as it went in', async () => {
  const table = new Table({
    a: vectorFromArray([1, null], new Int32()),
    b: vectorFromArray(['x', 'y'], new Dictionary(new Utf8(), new Int32())),
  });
  async function* batches(): AsyncGenerator<RecordBatch> {
    yield* table.batches;
    yield* table.batches;
  }
  const parts: Uint8Array[] = [];
  for await (const part of formatRows('arrow', table.schema, batches())) parts.push(part);
  const back = tableFromIPC(Buffer.concat(parts));
  expect(back.toArray().map((row) => ({ ...row?.toJSON() }))).toEqual([
    { a: 1, b: 'x' },
    { a: null, b: 'y' },
    { a: 1, b: 'x' },
    { a: null, b: 'y' },
  ]);
  const none: Uint8Array[] = [];
  for await (const part of formatRows('arrow', table.schema, (async function* () {})())) none.push(part);
  expect(tableFromIPC(Buffer.concat(none)).numRows).toBe(0);
});
