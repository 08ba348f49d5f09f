import { readFile } from 'node:fs/promises';
import {
  Bool,
  DateDay,
  Decimal,
  Dictionary,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  Struct,
  Table,
  TimestampNanosecond,
  Utf8,
  tableToIPC,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { Compression, Table as WasmTable, WriterPropertiesBuilder, writeParquet } from 'parquet-wasm/node';
import { describe, expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { parseSchemaFile } from '../schema-file.ts';
import { failure, memoryFile, readInput } from '../testing/inputs.ts';

function parquetOf(table: Table, rowGroupRows = 1_000_000, compression = Compression.ZSTD): Uint8Array {
  const properties = new WriterPropertiesBuilder().setMaxRowGroupSize(rowGroupRows).setCompression(compression).build();
  return writeParquet(WasmTable.fromIPCStream(tableToIPC(table, 'stream')), properties);
}

const sample = () =>
  new Table({
    i: vectorFromArray([1, null, -3], new Int32()),
    l: vectorFromArray([1n, 2n ** 62n, null], new Int64()),
    f: vectorFromArray([0.5, NaN, -0], new Float64()),
    b: vectorFromArray([true, false, null], new Bool()),
    t: vectorFromArray(['x', null, 'é'], new Utf8()),
    d: vectorFromArray([new Date(0), null, new Date(86_400_000)], new DateDay()),
    c: vectorFromArray(['p', 'q', null], new Dictionary(new Utf8(), new Int32())),
  });

describe('Parquet', () => {
  test.each([
    Compression.UNCOMPRESSED,
    Compression.SNAPPY,
    Compression.GZIP,
    Compression.ZSTD,
    Compression.BROTLI,
    Compression.LZ4_RAW,
  ])('values of every kind, compression %i', async (compression) => {
    const { schema, rows, format } = await readInput(
      memoryFile(parquetOf(sample(), 2, compression), { replayable: false }),
    );
    expect(format).toBe('parquet');
    expect(schema).toEqual(['i: Int32', 'l: Int64', 'f: Float64', 'b: Bool', 't: Utf8', 'd: Date32<DAY>', 'c: Utf8']);
    expect(rows).toEqual([
      [1, '1', 0.5, true, 'x', 0, 'p'],
      [null, '4611686018427387904', NaN, false, null, null, 'q'],
      [-3, null, -0, null, 'é', 86_400_000, null],
    ]);
  });

  test('decimals, nanoseconds, lists and structs', async () => {
    const table = new Table({
      n: vectorFromArray([Uint32Array.of(5, 0, 0, 0), null], new Decimal(2, 20, 128)),
      ns: vectorFromArray([1, null], new TimestampNanosecond('UTC')),
      list: vectorFromArray([[1], null], new List(new Field('item', new Int32(), true))),
      struct: vectorFromArray([{ a: 1 }, null], new Struct([new Field('a', new Int32(), true)])),
    });
    const { schema, rows } = await readInput(memoryFile(parquetOf(table)));
    expect(schema).toEqual([
      'n: Decimal[20e+2]',
      'ns: Timestamp<NANOSECOND, UTC>',
      'list: List<Int32>',
      'struct: Struct<{a:Int32}>',
    ]);
    expect(rows[0]!.slice(0, 2)).toEqual(['5', '1000000']);
    expect(String(rows[0]![2])).toBe('[1]');
    expect(rows[1]).toEqual([null, null, null, null]);
  });

  test('no rows', async () => {
    const { schema, rows } = await readInput(
      memoryFile(parquetOf(new Table({ a: vectorFromArray([1], new Int32()) }).slice(0, 0))),
    );
    expect(schema).toEqual(['a: Int32']);
    expect(rows).toEqual([]);
  });

  test('three million rows of a package that others publish', async () => {
    const path = new URL('../../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url);
    const { schema, batches } = await readInput(memoryFile(await readFile(path)));
    expect(schema).toEqual([
      'date: Timestamp<MICROSECOND>',
      'delay: Int64',
      'distance: Int64',
      'origin: Utf8',
      'destination: Utf8',
    ]);
    expect(batches.reduce((sum, { numRows }) => sum + numRows, 0)).toBe(3_000_000);
  });

  test('a given schema converts, and keeps rows aside that do not fit', async () => {
    const schema = parseSchemaFile(JSON.stringify({ columns: [{ name: 'a', type: 'int8', nullable: false }] }));
    const table = new Table({ a: vectorFromArray([1n, 300n, null, 4n], new Int64()) });
    const { rows, quarantined } = await readInput(memoryFile(parquetOf(table)), { schema, onError: 'quarantine' });
    expect(rows).toEqual([[1], [4]]);
    expect(quarantined.map(({ record }) => record)).toEqual([2, 3]);
  });

  test('a file that ends early', async () => {
    const bytes = parquetOf(sample());
    for (const length of [4, 8, 12, 100, bytes.length - 1]) {
      await failure(readInput(memoryFile(bytes.subarray(0, length))), 'FILE_TRUNCATED');
    }
  });

  test('an encrypted file is recognised', async () => {
    await failure(readInput(memoryFile('PARE0123456789PARE')), 'UNSUPPORTED');
  });

  test('damaged files give rows or an error of their own, and good ones are read afterwards', async () => {
    const bytes = parquetOf(sample(), 2);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const damaged = Uint8Array.from(bytes);
          for (const [at, value] of changes) damaged[at] = value;
          try {
            await readInput(memoryFile(damaged));
          } catch (error) {
            expect(isGranaryError(error), String((error as Error).stack)).toBe(true);
            expect((error as { code: string }).code).not.toBe('INTERNAL');
          }
        },
      ),
      { seed: 33, numRuns: 20 },
    );
    expect((await readInput(memoryFile(bytes))).rows).toHaveLength(3);
  });
});
