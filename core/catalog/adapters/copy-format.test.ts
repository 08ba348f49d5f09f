import { Field, Int32, Int64, makeData, RecordBatch, Schema, Struct, Utf8, vectorFromArray } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, fromUtf8, toUtf8 } from '#core/kernel/index.ts';
import { cellsOf, readCells } from '../testing/row-cells.ts';
import { COPY_BATCH_BYTES_MAX, COPY_BATCH_ROWS_MAX, readCopyBinary } from './copy-binary.ts';
import { encodeCopyText, POSTGRES_VALUE_BYTES_MAX } from './copy-text.ts';

const SCHEMA = new Schema([new Field('n', new Int32(), true), new Field('t', new Utf8(), true)]);

const int16 = (value: number) => Uint8Array.of((value >> 8) & 255, value & 255);
const int32 = (value: number) => concatBytes([int16(value >> 16), int16(value)]);
const field = (bytes: Uint8Array | null) => (bytes ? concatBytes([int32(bytes.length), bytes]) : int32(-1));
const HEADER = concatBytes([toUtf8('PGCOPY\n'), Uint8Array.of(0xff, 0x0d, 0x0a, 0), int32(0), int32(0)]);

type Row = readonly [number | null, string | null];

const rowBytes = ([number, text]: Row) =>
  concatBytes([int16(2), field(number === null ? null : int32(number)), field(text === null ? null : toUtf8(text))]);

const output = (rows: readonly Row[]) => concatBytes([HEADER, ...rows.map(rowBytes), int16(-1)]);

function batchOf(rows: readonly Row[]): RecordBatch {
  const columns = [
    vectorFromArray(
      rows.map(([number]) => number),
      new Int32(),
    ).data[0]!,
    vectorFromArray(
      rows.map(([, text]) => text),
      new Utf8(),
    ).data[0]!,
  ];
  const type = new Struct(SCHEMA.fields);
  return new RecordBatch(SCHEMA, makeData({ type, length: rows.length, nullCount: 0, children: columns as never }));
}

async function* inChunks(bytes: Uint8Array, sizes: readonly number[]) {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const arbitraryRow = fc.tuple(
  fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { nil: null }),
  fc.option(fc.string({ unit: 'binary', maxLength: 40 }), { nil: null }),
);

describe('the binary format of COPY', () => {
  test('is read alike however it is cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryRow, { minLength: 1, maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
        async (rows, sizes) => {
          expect(await readCells(readCopyBinary(inChunks(output(rows), sizes), SCHEMA))).toEqual(
            cellsOf([batchOf(rows)]),
          );
        },
      ),
      { seed: 7, numRuns: 200 },
    );
  });

  test('without rows yields nothing', async () => {
    expect(await Array.fromAsync(readCopyBinary(inChunks(output([]), [3]), SCHEMA))).toEqual([]);
  });

  test('comes in batches bounded by rows and by bytes', async () => {
    const many = Array.from({ length: COPY_BATCH_ROWS_MAX + 5 }, (_, i): Row => [i, 'x']);
    const counts = (await Array.fromAsync(readCopyBinary(inChunks(output(many), [70_000]), SCHEMA))).map(
      (b) => b.numRows,
    );
    expect(counts).toEqual([COPY_BATCH_ROWS_MAX, 5]);
    const long = 'y'.repeat(COPY_BATCH_BYTES_MAX / 4);
    const wide = Array.from({ length: 9 }, (_, i): Row => [i, long]);
    const batches = await Array.fromAsync(readCopyBinary(inChunks(output(wide), [65_536]), SCHEMA));
    expect(batches.map((batch) => batch.numRows)).toEqual([4, 4, 1]);
    expect(cellsOf(batches)).toEqual(cellsOf([batchOf(wide)]));
  });

  test.each([
    ['cut off', output([[1, 'a']]).subarray(0, -2)],
    ['cut off within a row', output([[1, 'abc']]).subarray(0, -5)],
    ['empty', new Uint8Array(0)],
    ['something else', toUtf8('ERROR: there is no such table as the one you asked for')],
    [
      'with another number of fields',
      concatBytes([HEADER, int16(3), field(null), field(null), field(null), int16(-1)]),
    ],
    ['with a negative length', concatBytes([HEADER, int16(2), int32(-2), int32(-1), int16(-1)])],
  ])('is refused when it is %s', async (_, bytes) => {
    await expect(readCells(readCopyBinary(inChunks(bytes, [16]), SCHEMA))).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe('the text format of COPY', () => {
  const encode = (rows: readonly Row[], firstRow = 0) => {
    const inexact = new Set<number>();
    return { text: fromUtf8(encodeCopyText(batchOf(rows), firstRow, inexact)), inexact: [...inexact] };
  };

  test('numbers the rows and escapes what would end a field or a line', () => {
    expect(
      encode(
        [
          [1, 'a\tb\\N\r\n'],
          [null, null],
          [-2147483648, ''],
        ],
        41,
      ),
    ).toEqual({
      text: '41\t1\ta\\tb\\\\N\\r\\n\n42\t\\N\t\\N\n43\t-2147483648\t\n',
      inexact: [],
    });
  });

  test('writes null for what PostgreSQL cannot hold and names the column', () => {
    const long = 'x'.repeat(POSTGRES_VALUE_BYTES_MAX + 1);
    expect(
      encode([
        [1, 'a\0b'],
        [2, 'ok'],
        [3, long],
      ]),
    ).toEqual({ text: '0\t1\t\\N\n1\t2\tok\n2\t3\t\\N\n', inexact: [1] });
  });

  test('finds bytes that are UTF-8 together but not one by one', () => {
    const bytes = toUtf8('é');
    const valueOffsets = Int32Array.of(0, 1, 2);
    const type = new Utf8();
    const children = [makeData({ type, valueOffsets, data: bytes })];
    const schema = new Schema([new Field('t', type, true)]);
    const data = makeData({ type: new Struct(schema.fields), length: 2, nullCount: 0, children });
    const inexact = new Set<number>();
    expect(fromUtf8(encodeCopyText(new RecordBatch(schema, data), 0, inexact))).toBe('0\t\\N\n1\t\\N\n');
    expect([...inexact]).toEqual([0]);
  });

  test('writes every 64-bit integer digit by digit', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), { minLength: 1 }), (values) => {
        const schema = new Schema([new Field('n', new Int64(), false)]);
        const column = makeData({ type: new Int64(), data: BigInt64Array.from(values) });
        const data = makeData({
          type: new Struct(schema.fields),
          length: values.length,
          nullCount: 0,
          children: [column],
        });
        const text = fromUtf8(encodeCopyText(new RecordBatch(schema, data), 0, new Set()));
        expect(text).toBe(values.map((value, row) => `${row}\t${value}\n`).join(''));
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});
