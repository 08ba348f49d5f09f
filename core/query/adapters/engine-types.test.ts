import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  DurationMicrosecond,
  Field,
  FixedSizeBinary,
  Float16,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  LargeUtf8,
  List,
  makeData,
  Null,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  Timestamp,
  TimeUnit,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatNdjson } from '../format-ndjson.ts';
import type { QueryableAsset } from '../ports.ts';
import { fakeAsset, fakeResolver } from '../testing/fake-assets.ts';
import { segmentAsset } from '../testing/segment-asset.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { createDuckdbEngine, type DuckdbEngine } from './duckdb-engine.ts';

const folder = temporaryFolder();
/** One that decodes into files, and one that has no room for them and decodes while it scans. */
let engines: readonly DuckdbEngine[] = [];

beforeAll(() => {
  engines = [2 ** 26, 0].map((cacheByteCountMax) =>
    createDuckdbEngine({
      temporaryFolder: folder.path,
      cacheByteCountMax,
      memoryByteCountMax: 2 ** 28,
      threadCount: 2,
    }),
  );
});

afterAll(async () => {
  for (const engine of engines) await engine[Symbol.asyncDispose]();
  folder.remove();
});

async function lines(schema: Schema, batches: AsyncIterable<RecordBatch>): Promise<string[]> {
  const parts: Uint8Array[] = [];
  for await (const part of formatNdjson(schema, batches)) parts.push(part);
  return Buffer.concat(parts).toString().split('\n').filter(Boolean);
}

async function ask(sql: string, asset: QueryableAsset): Promise<string[]> {
  const [first, second] = await Promise.all(
    engines.map(async (engine) => {
      await using result = await engine.run({ sql }, fakeResolver([asset]));
      return await lines(result.schema, result.batches);
    }),
  );
  expect(second!.toSorted(), sql).toEqual(first!.toSorted());
  return first!;
}

async function* only(batch: RecordBatch): AsyncGenerator<RecordBatch> {
  yield batch;
}

const ROWS = 5;

/** Five values, the third of them null. */
const raw = (type: DataType, data: ArrayLike<unknown>, more: object = {}): Data =>
  makeData({
    type,
    length: ROWS,
    nullCount: 1,
    nullBitmap: Uint8Array.of(0b11011),
    data,
    ...more,
  } as unknown as Parameters<typeof makeData>[0]);

const built = (type: DataType, values: readonly unknown[]): Data => vectorFromArray(values, type).data[0]!;

const big = (...values: bigint[]) => BigInt64Array.from(values);
const utf8 = ['', 'twelve bytes', null, 'more than twelve bytes ä', '🙂\0"\n'];

const columns: Record<string, Data> = {
  bool: built(new Bool(), [true, false, null, true, true]),
  int8: built(new Int8(), [-128, 127, null, 0, 1]),
  int16: built(new Int16(), [-32768, 32767, null, 0, 1]),
  int32: built(new Int32(), [-2147483648, 2147483647, null, 0, 1]),
  int64: raw(new Int64(), big(-(2n ** 63n), 2n ** 63n - 1n, 0n, 2n ** 53n + 1n, 0n)),
  uint8: built(new Uint8(), [0, 255, null, 1, 2]),
  uint16: built(new Uint16(), [0, 65535, null, 1, 2]),
  uint32: built(new Uint32(), [0, 4294967295, null, 1, 2]),
  uint64: raw(new Uint64(), BigUint64Array.of(0n, 2n ** 64n - 1n, 0n, 1n, 2n)),
  float16: raw(new Float16(), Uint16Array.of(0x3c00, 0xfc00, 0, 0x7e00, 0x0001)),
  float32: built(new Float32(), [0.1, -3.4028234663852886e38, null, Number.NaN, 1e-45]),
  float64: built(new Float64(), [0.1, -0, null, Number.POSITIVE_INFINITY, 5e-324]),
  decimal4: raw(new Decimal(2, 4, 128), new Uint32Array(big(1n, 0n, -9999n, -1n, 0n, 0n, 9999n, 0n, 0n, 0n).buffer)),
  decimal18: raw(
    new Decimal(9, 18, 128),
    new Uint32Array(big(1n, 0n, -(10n ** 18n) + 1n, -1n, 0n, 0n, 10n ** 17n, 0n, 0n, 0n).buffer),
  ),
  decimal38: raw(
    new Decimal(38, 38, 128),
    Uint32Array.of(
      0xffff_ffff,
      0x098a_223f,
      0x5a86_c47a,
      0x4b3b_4ca8,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0xffff_ffff,
      0xffff_ffff,
      0xffff_ffff,
      0xffff_ffff,
      0,
      0,
      0,
      0,
    ),
  ),
  dateDay: raw(new DateDay(), Int32Array.of(0, -719_528, 0, 2_932_896, 19_000)),
  dateMs: raw(new DateMillisecond(), big(0n, -86_400_000n, 0n, 86_400_000n, 0n)),
  timeS: raw(new TimeSecond(), Int32Array.of(0, 86_399, 0, 1, 2)),
  timeMs: raw(new TimeMillisecond(), Int32Array.of(0, 86_399_999, 0, 1, 2)),
  timeUs: raw(new TimeMicrosecond(), big(0n, 86_399_999_999n, 0n, 1n, 2n)),
  timeNs: raw(new TimeNanosecond(), big(0n, 86_399_999_999_999n, 0n, 1n, 2n)),
  tsS: raw(new Timestamp(TimeUnit.SECOND, null), big(0n, -62_135_596_800n, 0n, 253_402_300_799n, 1n)),
  tsMs: raw(new Timestamp(TimeUnit.MILLISECOND, null), big(0n, -1n, 0n, 1n, 253_402_300_799_999n)),
  tsUs: raw(new Timestamp(TimeUnit.MICROSECOND, null), big(0n, -1n, 0n, 1n, 253_402_300_799_999_999n)),
  tsNs: raw(new Timestamp(TimeUnit.NANOSECOND, null), big(0n, -1n, 0n, 1n, 1_600_000_000_123_456_789n)),
  tsSZone: raw(new Timestamp(TimeUnit.SECOND, 'Europe/Paris'), big(0n, -1n, 0n, 1n, 1_600_000_000n)),
  tsUsZone: raw(new Timestamp(TimeUnit.MICROSECOND, 'UTC'), big(0n, -1n, 0n, 1n, 1_600_000_000_123_456n)),
  utf8: built(new Utf8(), utf8),
  dictionary: built(new Dictionary(new Utf8(), new Int32()), utf8),
  binary: built(
    new Binary(),
    utf8.map((text) => text && Buffer.from(text)),
  ),
  nothing: built(new Null(), [null, null, null, null, null]),
};

/** What only an engine-side store may send, or what SQL shows as another type. */
const others: Record<string, { readonly data: Data; readonly shown: readonly unknown[] }> = {
  largeUtf8: {
    data: raw(new LargeUtf8(), Buffer.from('abc'), { valueOffsets: big(0n, 1n, 2n, 2n, 3n, 3n) }),
    shown: ['a', 'b', null, 'c', ''],
  },
  fixedSizeBinary: {
    data: raw(new FixedSizeBinary(2), Uint8Array.of(0, 1, 2, 3, 0, 0, 4, 5, 255, 255)),
    shown: ['AAE=', 'AgM=', null, 'BAU=', '//8='],
  },
  duration: {
    data: raw(new DurationMicrosecond(), big(0n, -1_500_000n, 0n, 1n, 3_600_000_000n)),
    shown: ['PT0S', 'PT-1.5S', null, 'PT0.000001S', 'PT3600S'],
  },
  nsZone: {
    data: raw(new Timestamp(TimeUnit.NANOSECOND, 'UTC'), big(1n, 0n, 0n, 0n, 0n)),
    shown: ['1970-01-01T00:00:00.000000001', '1970-01-01T00:00:00', null, '1970-01-01T00:00:00', '1970-01-01T00:00:00'],
  },
  list: {
    data: built(new List(new Field('item', new Utf8(), true)), [['a', null], [], null, ['"'], ['b']]),
    shown: ['["a",null]', '[]', null, '["\\""]', '["b"]'],
  },
  struct: {
    data: built(new Struct([new Field('x', new Int64(), true)]), [
      { x: 1n },
      { x: null },
      null,
      { x: 2n ** 60n },
      { x: 0n },
    ]),
    shown: ['{"x":1}', '{"x":null}', null, '{"x":1152921504606846976}', '{"x":0}'],
  },
};

const batchOf = (named: Readonly<Record<string, Data>>): RecordBatch => {
  const fields = Object.entries(named).map(([name, data]) => new Field(name, data.type as DataType, true));
  const schema = new Schema(fields);
  const children = Object.values(named);
  return new RecordBatch(schema, makeData({ type: new Struct(fields), length: ROWS, nullCount: 0, children }));
};

const stored = (name: string, batch: RecordBatch): Promise<QueryableAsset> =>
  segmentAsset({ folder: folder.path, name, schema: batch.schema, parts: [[batch]] });

test('every value of every type comes back as it is, sent or stored', async () => {
  const batch = batchOf(columns);
  const expected = await lines(batch.schema, only(batch));
  expect(await ask('SELECT * FROM t', fakeAsset('t', new Table([batch])))).toEqual(expected);
  const plain = batchOf({ ...columns, dictionary: columns.utf8! });
  expect(await ask('SELECT * FROM t', await stored('t', plain))).toEqual(expected);
});

test('values without a type of their own in SQL are shown as documented', async () => {
  const batch = batchOf(Object.fromEntries(Object.entries(others).map(([name, { data }]) => [name, data])));
  const rows = await ask('SELECT * FROM t', fakeAsset('t', new Table([batch])));
  for (const [name, { shown }] of Object.entries(others)) {
    expect(
      rows.map((row) => (JSON.parse(row) as Record<string, unknown>)[name]),
      name,
    ).toEqual(shown);
  }
  expect(await ask('SELECT * FROM t', await stored('t', batch))).toEqual(rows);
  expect(await ask("SELECT list->>0 AS a FROM t WHERE struct->>'x' = '1'", fakeAsset('t', new Table([batch])))).toEqual(
    ['{"a":"a"}'],
  );
});

test('every type of a result is printed as documented', async () => {
  const [row] = await ask(
    `SELECT [1, NULL] AS l, {'a': DATE '2020-01-01', 'b': 1.50} AS s, MAP {'k': [true]} AS m, [[1.5::FLOAT]] AS ll,
       INTERVAL '14 months 3 days 1.5 seconds' AS i, UUID '00000000-0000-7000-8000-000000000001' AS u,
       sum(9223372036854775807) AS h, 170141183460469231731687303715884105727::UHUGEINT AS uh, '101'::BIT AS b,
       'b'::ENUM('a', 'b') AS e, '{"x": [1]}'::JSON AS j, TIME '12:30:00.5' AS t, TIMETZ '12:30:00+02' AS tz,
       'infinity'::DATE AS di, '-infinity'::TIMESTAMP AS ti, NULL AS n, ARRAY[1, 2]::INTEGER[2] AS a,
       TIMESTAMPTZ '2020-01-01 00:00:00+02' AS z, '\\x00ab'::BLOB AS bl, union_value(k := 1) AS un, [TIMESTAMP '2020-01-01'] AS lt`,
    fakeAsset('t', new Table([batchOf(columns)])),
  );
  expect(row).toBe(
    '{"l":[1,null],"s":{"a":"2020-01-01","b":1.50},"m":{"k":[true]},"ll":[[1.5]],"i":"P14M3DT1.5S",' +
      '"u":"00000000-0000-7000-8000-000000000001","h":9223372036854775807,"uh":"170141183460469231731687303715884105727",' +
      '"b":"101","e":"b","j":{"x": [1]},"t":"12:30:00.5","tz":"12:30:00+02","di":"infinity","ti":"-infinity","n":null,' +
      '"a":[1,2],"z":"2019-12-31T22:00:00Z","bl":"AGFi","un":1,"lt":["2020-01-01T00:00:00"]}',
  );
});

test('long and short texts of any order come back from the engine', async () => {
  const sql = `SELECT a, b FROM (SELECT range AS k, repeat(range::VARCHAR, (range % 40)::INTEGER) AS a,
      CASE WHEN range % 7 = 0 THEN NULL ELSE 'x' || range END AS b FROM range(30000)) ORDER BY hash(k)`;
  const rows = await ask(sql, fakeAsset('t', new Table([batchOf(columns)])));
  const expected = Array.from({ length: 30_000 }, (_, k) =>
    JSON.stringify({ a: String(k).repeat(k % 40), b: k % 7 === 0 ? null : `x${k}` }),
  );
  expect(rows.toSorted()).toEqual(expected.toSorted());
});

test('whatever is asked, skipping row groups changes no answer', async () => {
  const count = 600;
  const ids = Array.from({ length: count }, (_, i) => i);
  const scattered = (i: number) => (i * 7919) % 1009;
  const table = new Table({
    i: vectorFromArray(
      ids.map((i) => (i % 50 === 49 ? null : Math.floor(i / 3))),
      new Int32(),
    ),
    f: vectorFromArray(
      ids.map((i) => (i % 97 === 0 ? null : i / 8 - 20)),
      new Float32(),
    ),
    t: vectorFromArray(
      ids.map((i) => (i < 60 ? null : `${String.fromCharCode(97 + Math.floor(i / 60))}${scattered(i) % 5}é`)),
      new Utf8(),
    ),
    d: vectorFromArray(
      ids.map((i) => new Date(Date.UTC(2020, 0, 1 + Math.floor(i / 10)))),
      new DateDay(),
    ),
    s: vectorFromArray(
      ids.map((i) => 1_577_836_800_000 + i * 250),
      new Timestamp(TimeUnit.MILLISECOND, null),
    ),
    z: vectorFromArray(
      ids.map((i) => 1_577_836_800_000 + i * 1000),
      new Timestamp(TimeUnit.SECOND, 'UTC'),
    ),
    b: vectorFromArray(
      ids.map((i) => i > 300),
      new Bool(),
    ),
  });
  const sent = fakeAsset('t', table);
  const pruned = await segmentAsset({
    folder: folder.path,
    name: 't',
    schema: table.schema,
    rowGroupRows: 20,
    parts: [table.slice(0, 300).batches, table.slice(300).batches],
  });
  const op = fc.constantFrom('=', '<', '<=', '>', '>=', '<>');
  const number = fc.integer({ min: -30, max: 230 });
  const date = number.map((n) => `DATE '2020-01-01' + ${n}`);
  const predicate = fc.oneof(
    fc.tuple(op, number).map(([o, n]) => `i ${o} ${n}`),
    fc.tuple(op, number).map(([o, n]) => `f ${o} ${n / 8}::FLOAT`),
    fc.tuple(op, number).map(([o, n]) => `f ${o} ${n / 10}`),
    fc.tuple(op, fc.constantFrom('', 'a', 'c2é', 'd', 'j4é', 'k', 'é')).map(([o, t]) => `t ${o} '${t}'`),
    fc.tuple(op, date).map(([o, d]) => `d ${o} ${d}`),
    fc.tuple(op, number).map(([o, n]) => `s ${o} TIMESTAMP '2020-01-01' + INTERVAL ${Math.abs(n) * 601} MILLISECOND`),
    fc
      .tuple(op, number)
      .map(([o, n]) => `z ${o} TIMESTAMPTZ '2020-01-01 00:00:00+00' + INTERVAL ${Math.abs(n) * 2601} MILLISECOND`),
    fc.tuple(op, date).map(([o, d]) => `s ${o} ${d}`),
    fc.array(number, { minLength: 1, maxLength: 9 }).map((list) => `i IN (${list.join(', ')})`),
    fc
      .array(fc.constantFrom('b1é', 'e3é', 'x'), { minLength: 1, maxLength: 3 })
      .map((list) => `t IN ('${list.join("', '")}')`),
    fc.constantFrom(
      'i IS NULL',
      'f IS NOT NULL',
      't IS NULL',
      'b',
      'NOT b',
      'b = true',
      "t LIKE 'd%'",
      "t || '' > 'e'",
      'i + 1 > 100',
    ),
    fc.tuple(number, number).map(([low, high]) => `i BETWEEN ${low} AND ${high}`),
  );
  const condition = fc
    .tuple(fc.array(predicate, { minLength: 1, maxLength: 3 }), fc.constantFrom(' AND ', ' OR '))
    .map(([parts, word]) => parts.map((part) => `(${part})`).join(word));
  await fc.assert(
    fc.asyncProperty(condition, fc.option(condition), async (first, second) => {
      const one = `SELECT count(*) AS n, sum(i) AS i, min(t) AS t, max(f) AS f FROM t WHERE ${first}`;
      const sql =
        second === null ? one : `${one} UNION ALL SELECT count(*), sum(i), max(t), min(f) FROM t WHERE ${second}`;
      const [left, right] = await Promise.all([ask(sql, pruned), ask(sql, sent)]);
      expect(left.toSorted(), sql).toEqual(right.toSorted());
    }),
    { seed: 20_261_123, numRuns: 150 },
  );
});
