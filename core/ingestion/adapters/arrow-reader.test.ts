import { readFile } from 'node:fs/promises';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import {
  Binary,
  Bool,
  CompressionType,
  compressionRegistry,
  type DataType,
  Decimal,
  Dictionary,
  Field,
  Float64,
  Int16,
  Int32,
  Int64,
  LargeUtf8,
  List,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  Utf8,
  type Vector,
  makeData,
  tableToIPC,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { checkBatch } from '../check-batch.ts';
import { parseSchemaFile } from '../schema-file.ts';
import { failure, memoryFile, readInput } from '../testing/inputs.ts';

const table = (columns: Record<string, Vector>) => new Table(columns);
const sample = () =>
  table({
    i: vectorFromArray([1, null, -3], new Int32()),
    l: vectorFromArray([1n, 2n ** 62n, null], new Int64()),
    f: vectorFromArray([0.5, NaN, -0], new Float64()),
    b: vectorFromArray([true, false, null], new Bool()),
    t: vectorFromArray(['x', null, 'é'], new Utf8()),
    x: vectorFromArray([Uint8Array.of(1, 2), Uint8Array.of(), null], new Binary()),
  });
const SAMPLE_SCHEMA = ['i: Int32', 'l: Int64', 'f: Float64', 'b: Bool', 't: Utf8', 'x: Binary'];
const SAMPLE_ROWS = [
  [1, '1', 0.5, true, 'x', '0102'],
  [null, '4611686018427387904', NaN, false, null, ''],
  [-3, null, -0, null, 'é', null],
];

const bytesOf = (writer: RecordBatchStreamWriter | RecordBatchFileWriter, content: Table) =>
  writer.writeAll(content).finish().toUint8Array(true);
const schemaOf = (columns: Record<string, string>) =>
  parseSchemaFile(JSON.stringify({ columns: Object.entries(columns).map(([name, type]) => ({ name, type })) }));

describe('Arrow IPC', () => {
  test.each(['stream', 'file'] as const)(
    'a %s, also when it cannot be read twice and comes in small chunks',
    async (kind) => {
      const bytes = tableToIPC(sample(), kind);
      for (const options of [{}, { replayable: false }, { chunkBytes: 13 }]) {
        const { schema, rows, format } = await readInput(memoryFile(bytes, options));
        expect(format).toBe('arrow');
        expect(schema).toEqual(SAMPLE_SCHEMA);
        expect(rows).toEqual(SAMPLE_ROWS);
      }
    },
  );

  test.each(['stream', 'file'] as const)('a %s without rows', async (kind) => {
    const { schema, rows } = await readInput(memoryFile(tableToIPC(sample().slice(0, 0), kind)));
    expect(schema).toEqual(SAMPLE_SCHEMA);
    expect(rows).toEqual([]);
  });

  test('a file of a package that others publish', async () => {
    const path = new URL('../../../node_modules/vega-datasets/data/flights-200k.arrow', import.meta.url);
    const { schema, rows, batches } = await readInput(memoryFile(await readFile(path)));
    expect(schema).toEqual(['delay: Int16', 'distance: Int16', 'time: Float32']);
    expect(rows).toHaveLength(200_000);
    expect(batches.every((batch) => batch.numRows <= 65_536)).toBe(true);
  });

  test.each([
    [new Utf8(), ['a', 'b', null, 'a', 'é']],
    [new LargeUtf8(), ['a', 'b', null, 'a', 'é']],
    [new Int64(), ['1', '2', null, '1', '-5']],
    [new Float64(), [1.5, -0, null, 1.5, 2]],
  ] as [DataType, unknown[]][])('a dictionary of %s becomes plain', async (type, values) => {
    const given = values.map((value) => (type instanceof Int64 && value !== null ? BigInt(value as string) : value));
    const vector = vectorFromArray(given, new Dictionary(type, new Int16()));
    for (const kind of ['stream', 'file'] as const) {
      const { schema, rows } = await readInput(memoryFile(tableToIPC(table({ a: vector }), kind)));
      expect(schema).toEqual([`a: ${type instanceof LargeUtf8 ? 'Utf8' : String(type)}`]);
      expect(rows).toEqual(values.map((value) => [value]));
    }
  });

  test('large text becomes text, from any offset', async () => {
    const content = table({ a: vectorFromArray(['x', 'yy', null, 'zzz', ''], new LargeUtf8()) });
    for (const from of [0, 1, 2, 3]) {
      const { schema, rows } = await readInput(memoryFile(tableToIPC(content.slice(from))));
      expect(schema).toEqual(['a: Utf8']);
      expect(rows).toEqual([['x'], ['yy'], [null], ['zzz'], ['']].slice(from));
    }
  });

  test('lists and structs pass as they are', async () => {
    const list = vectorFromArray([[1, 2], null, []], new List(new Field('item', new Int32(), true)));
    const struct = vectorFromArray([{ a: 1 }, null, { a: 3 }], new Struct([new Field('a', new Int32(), true)]));
    const { schema, batches } = await readInput(memoryFile(tableToIPC(table({ list, struct }))));
    expect(schema).toEqual(['list: List<Int32>', 'struct: Struct<{a:Int32}>']);
    expect(String(batches[0]!.get(0))).toBe('{"list": [1,2], "struct": {"a":1}}');
  });

  test('large batches are cut', async () => {
    const content = table({
      a: vectorFromArray(
        Array.from({ length: 150_000 }, (_, i) => i),
        new Int32(),
      ),
    });
    const { batches, rows } = await readInput(memoryFile(tableToIPC(content)));
    expect(batches.map(({ numRows }) => numRows)).toEqual([65_536, 65_536, 18_928]);
    expect(rows[149_999]).toEqual([149_999]);
  });

  test('buffers compressed with zstd are read, with LZ4 they are refused', async () => {
    const codecs = [CompressionType.ZSTD, CompressionType.LZ4_FRAME].map((type) => compressionRegistry.get(type));
    const encode = {
      encode: (data: Uint8Array) => zstdCompressSync(data),
      decode: (data: Uint8Array) => zstdDecompressSync(data),
    };
    compressionRegistry.set(CompressionType.ZSTD, encode);
    const zstd = bytesOf(new RecordBatchStreamWriter({ compressionType: CompressionType.ZSTD }), sample());
    compressionRegistry.set(CompressionType.LZ4_FRAME, {
      encode: (data) => Uint8Array.of(4, 0x22, 0x4d, 0x18, 0x40, 0, 0, ...data),
    });
    const lz4 = bytesOf(new RecordBatchStreamWriter({ compressionType: CompressionType.LZ4_FRAME }), sample());
    if (codecs[0]) compressionRegistry.set(CompressionType.ZSTD, codecs[0]);
    Reflect.deleteProperty(
      (compressionRegistry as unknown as { registry: object }).registry,
      CompressionType.LZ4_FRAME,
    );
    expect((await readInput(memoryFile(zstd))).rows).toEqual(SAMPLE_ROWS);
    expect(await failure(readInput(memoryFile(lz4)), 'UNSUPPORTED')).toContain('LZ4');
  });

  test.each(['stream', 'file'] as const)('a %s that ends early is an error, anywhere', async (kind) => {
    const bytes = tableToIPC(sample(), kind);
    for (let length = 9; length < bytes.length - 8; length += 131) {
      await readInput(memoryFile(bytes.subarray(0, length))).then(
        () => expect.unreachable(`${kind} of ${length} bytes was read`),
        (error: unknown) => expect(isGranaryError(error) && error.code).toMatch(/^FILE_(TRUNCATED|FORMAT)$/),
      );
    }
  });

  test.each(['stream', 'file'] as const)(
    'a damaged %s gives rows or an error of its own, never a crash',
    async (kind) => {
      const dictionary = vectorFromArray(['p', 'q', 'p'], new Dictionary(new Utf8(), new Int32()));
      const bytes = tableToIPC(
        new Table({
          ...Object.fromEntries(sample().schema.fields.map((field, i) => [field.name, sample().getChildAt(i)!])),
          dictionary,
        }),
        kind,
      );
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
        { seed: 21, numRuns: 12 },
      );
    },
  );

  test('a batch whose buffers do not fit its rows is refused', () => {
    const batch = (type: DataType, props: object) => {
      const data = makeData({ type, length: 2, nullCount: 0, ...props } as never);
      const schema = new Schema([new Field('a', type)]);
      return new RecordBatch(
        schema,
        makeData({ type: new Struct(schema.fields), length: 2, nullCount: 0, children: [data] }),
      );
    };
    const isUtf8 = (bytes: Uint8Array) => !bytes.includes(0xff);
    const text = (offsets: number[], values: number[]) =>
      batch(new Utf8(), { valueOffsets: Int32Array.from(offsets), data: Uint8Array.from(values) });
    expect(() => checkBatch(text([0, 1, 2], [0x61, 0x62]), isUtf8)).not.toThrow();
    expect(() => checkBatch(text([0, 1, 3], [0x61, 0x62]), isUtf8)).toThrow('offsets out of order');
    expect(() => checkBatch(text([0, 2, 1], [0x61, 0x62]), isUtf8)).toThrow('offsets out of order');
    expect(() => checkBatch(text([-1, 1, 2], [0x61, 0x62]), isUtf8)).toThrow('offsets out of order');
    expect(() => checkBatch(text([0, 1, 2], [0x61, 0xff]), isUtf8)).toThrow('not UTF-8');
    expect(() => checkBatch(text([0, 1, 2], [0xc3, 0xa9]), isUtf8)).toThrow('not UTF-8');
    expect(() => checkBatch(batch(new Int32(), { data: new Int32Array(1) }), isUtf8)).toThrow('lacks values');
    expect(() => checkBatch(batch(new Decimal(0, 5, 128), { data: new Uint32Array(4) }), isUtf8)).toThrow(
      'lacks values',
    );
  });
});

describe('a given schema', () => {
  test('values are converted when they fit', async () => {
    const content = table({
      i: vectorFromArray([1, null], new Int32()),
      t: vectorFromArray(['5', '-6'], new Utf8()),
      f: vectorFromArray([2, 3], new Float64()),
      d: vectorFromArray([1, 2], new TimestampMicrosecond()),
      b: vectorFromArray([true, false], new Bool()),
    });
    const schema = schemaOf({ t: 'int8', i: 'int64', f: 'decimal(3,1)', d: 'timestamp(ns)', b: 'text' });
    const { rows } = await readInput(memoryFile(tableToIPC(content)), { schema });
    expect(rows).toEqual([
      [5, '1', '20', '1000000', 'true'],
      [-6, null, '30', '2000000', 'false'],
    ]);
  });

  test('values that do not fit are bad rows', async () => {
    const content = table({ a: vectorFromArray(['1', 'x', '3', '400'], new Utf8()) });
    const schema = schemaOf({ a: 'int8' });
    const file = memoryFile(tableToIPC(content));
    expect(await failure(readInput(file, { schema }), 'ROW_INVALID')).toContain('record 2: column "a": "x" is no Int8');
    const { rows, quarantined } = await readInput(file, { schema, onError: 'quarantine' });
    expect(rows).toEqual([[1], [3]]);
    expect(quarantined.map(({ record, raw }) => [record, raw])).toEqual([
      [2, '{"a":"x"}'],
      [4, '{"a":"400"}'],
    ]);
  });

  test('columns that take no nulls, other columns, and types without a way', async () => {
    const content = table({ a: vectorFromArray([1, null], new Int32()) });
    const required = new Schema([new Field('a', new Int32(), false)]);
    const file = memoryFile(tableToIPC(content));
    expect(await failure(readInput(file, { schema: required }), 'ROW_INVALID')).toContain(
      'record 2: column "a" must not be empty',
    );
    expect(await failure(readInput(file, { schema: schemaOf({ b: 'int8' }) }), 'FILE_SCHEMA')).toContain('"b"');
    const list = new Schema([new Field('a', new List(new Field('item', new Int32())), true)]);
    expect(await failure(readInput(file, { schema: list }), 'SCHEMA_MISMATCH')).toContain('"a"');
  });
});
