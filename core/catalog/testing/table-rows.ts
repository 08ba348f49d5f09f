import {
  type DataType,
  Field,
  Float64,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { arbitraryBatch, arbitraryData } from '#core/columnar/testing/arbitrary-batch.ts';

/** Rows of one schema, in batches. */
export interface TableRows {
  readonly schema: Schema;
  readonly batches: readonly RecordBatch[];
}

/** Tables of all types that can be stored, in one batch or two. */
export const arbitraryTable = (): fc.Arbitrary<TableRows> =>
  fc.tuple(arbitraryBatch(), fc.nat()).map(([batch, split]) => {
    const at = split % (batch.numRows + 1);
    const batches = split % 2 === 0 ? [batch] : [batch.slice(0, at), batch.slice(at, batch.numRows)];
    return { schema: batch.schema, batches };
  });

/** Tables of up to three columns of the given types. */
export const arbitraryTableOf = (types: readonly DataType[]): fc.Arbitrary<TableRows> =>
  fc
    .tuple(fc.array(fc.constantFrom(...types), { minLength: 1, maxLength: 3 }), fc.nat(30))
    .chain(([columnTypes, rowCount]) => {
      const schema = new Schema(columnTypes.map((type, i) => new Field(`c${i}`, type, true)));
      const columns = fc.tuple(...columnTypes.map((type) => arbitraryData(type, rowCount)));
      return columns.map((children) => ({ schema, batches: [batchOf(schema, rowCount, children)] }));
    });

function batchOf(schema: Schema, rowCount: number, children: RecordBatch['data']['children']): RecordBatch {
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type, length: rowCount, nullCount: 0, children: [...children] }));
}

const SAMPLE_SCHEMA = new Schema([
  new Field('id', new Int64(), false),
  new Field('name', new Utf8(), true),
  new Field('price', new Float64(), true),
  new Field('at', new TimestampMicrosecond('UTC'), true),
]);

/**
 * `rowCount` rows as an operational table has them: a number that rises from `start`, a text with nulls, a float and a
 * time. The same for the same arguments.
 */
export function sampleRows(rowCount: number, start = 0): TableRows {
  const numbers = Array.from({ length: rowCount }, (_, i) => start + i);
  const names = numbers.map((number) => (number % 7 === 3 ? null : `name ${number % 1000}`));
  const children = [
    makeData({ type: new Int64(), data: BigInt64Array.from(numbers, BigInt) }),
    vectorFromArray(names, new Utf8()).data[0] ?? makeData({ type: new Utf8(), valueOffsets: new Int32Array(1) }),
    makeData({
      type: new Float64(),
      data: Float64Array.from(numbers, (number) => ((number * 7919) % 100_003) / 100),
    }),
    makeData({
      type: new TimestampMicrosecond('UTC'),
      data: BigInt64Array.from(numbers, (number) => 1_700_000_000_000_000n + 1_000_003n * BigInt(number)),
    }),
  ];
  return { schema: SAMPLE_SCHEMA, batches: [batchOf(SAMPLE_SCHEMA, rowCount, children)] };
}
