/**
 * Writes the golden files of format version 1: `node tests/golden/segment-v1/generate.ts`. A file that exists is left
 * alone, because its bytes are what every later version must read; only a new case adds one.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { type DataType, DenseUnion, Field, FixedSizeList, Int32, LargeList, List, Map_, type RecordBatch, Schema, SparseUnion, Struct, Utf8, Float64 } from 'apache-arrow';
import fc from 'fast-check';
import { schemaToJson } from '#core/columnar/index.ts';
import { arbitraryData, flatTypes } from '#core/columnar/testing/arbitrary-batch.ts';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';
import { encodeOne, sampleBatch } from '#core/columnar/testing/sample-table.ts';
import { batchOf } from '#core/columnar/rebatch.ts';

const item = (type: DataType) => new Field('item', type, true);

const nestedTypes: readonly DataType[] = [
  new List(item(new Utf8())),
  new LargeList(item(new Float64())),
  new FixedSizeList(2, item(new Int32())),
  new Struct([new Field('a', new Int32(), true), new Field('b', new List(item(new Utf8())), true)]),
  new Map_(new Field('entries', new Struct([new Field('key', new Utf8(), false), new Field('value', new Int32(), true)]), false) as never),
  new SparseUnion([0, 5], [new Field('a', new Int32(), true), new Field('b', new Utf8(), true)]),
  new DenseUnion([3, 7], [new Field('a', new Int32(), true), new Field('b', new Utf8(), true)]),
];

function batchOfTypes(types: readonly DataType[], rowCount: number, seed: number): RecordBatch {
  const columns = types.map((type, i) => fc.sample(arbitraryData(type, rowCount), { seed: seed + i, numRuns: 1 })[0]!);
  const metadata = new Map([['note', 'grün']]);
  return batchOf(new Schema(types.map((type, i) => new Field(`c${i} ${type}`, type, true, metadata)), metadata), rowCount, columns);
}

const flat = flatTypes.map((make) => make());

export const GOLDEN_CASES: Readonly<Record<string, () => { batch: RecordBatch; rowGroupRows?: number }>> = {
  'every-method': () => ({ batch: sampleBatch(2000), rowGroupRows: 1200 }),
  'flat-types': () => ({ batch: batchOfTypes(flat, 60, 1) }),
  'flat-types-many-groups': () => ({ batch: batchOfTypes(flat, 61, 100), rowGroupRows: 20 }),
  'nested-types': () => ({ batch: batchOfTypes(nestedTypes, 40, 200), rowGroupRows: 25 }),
  'one-row': () => ({ batch: batchOfTypes([...flat, ...nestedTypes], 1, 300) }),
  'no-rows': () => ({ batch: batchOfTypes([...flat, ...nestedTypes], 0, 400) }),
  'no-columns': () => ({ batch: batchOfTypes([], 3, 500) }),
  // Written since checksums are striped.
  'striped-checksums': () => ({ batch: sampleBatch(3000), rowGroupRows: 1600 }),
};

export const answerOf = (batch: RecordBatch) => ({
  schema: schemaToJson(batch.schema),
  rowCount: batch.numRows,
  columns: batch.data.children.map(rowsOf),
});

if (import.meta.main) {
  for (const [name, make] of Object.entries(GOLDEN_CASES)) {
    const file = new URL(`./${name}.webm`, import.meta.url);
    if (existsSync(file)) continue;
    const { batch, rowGroupRows } = make();
    writeFileSync(file, (await encodeOne(batch, rowGroupRows)).bytes);
    writeFileSync(new URL(`./${name}.json`, import.meta.url), JSON.stringify(answerOf(batch)));
  }
}
