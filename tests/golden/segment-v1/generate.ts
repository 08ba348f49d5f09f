/**
 * Writes the golden files of format version 1: `node tests/golden/segment-v1/generate.ts`. A file that exists is left
 * alone, because its bytes are what every later version must read; only a new case adds one.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { Binary, type DataType, DenseUnion, Field, FixedSizeList, Int32, LargeList, List, Map_, type RecordBatch, Schema, SparseUnion, Struct, Utf8, Float64, vectorFromArray } from 'apache-arrow';
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

/** Every way of storing text, and integers in runs. */
function textBatch(): RecordBatch {
  const rows = Array.from({ length: 900 }, (_, i) => i);
  const columns: Readonly<Record<string, readonly (string | null)[]>> = {
    number: rows.map((i) => `N-${String((i * 7919) % 10_007).padStart(5, '0')}.${i % 12}`),
    runs: rows.map((i) => (i % 97 === 0 ? null : `stage ${'abcdef'[Math.floor(i / 150)]}`)),
    name: rows.map((i) => `${['Haus', 'Wald', 'Ö-Hof'][(i * i) % 3]} ${(i * 31) % 701}${i % 5 === 0 ? ' (alt)' : ''}`),
    colour: rows.map((i) => ['rot', 'grün', '', 'blau', 'weiß', 'grau', 'gelb', 'ocker', 'lila'][(i * i * 5) % 9]!),
  };
  const binary = rows.map((i) => Uint8Array.from({ length: 4 }, (_, k) => (i * 4 + k) % 256));
  const steps = rows.map((i) => Math.floor(i / 40) ** 3);
  const vectors = [
    ...Object.values(columns).map((values) => vectorFromArray(values, new Utf8())),
    vectorFromArray(binary, new Binary()),
    vectorFromArray(steps, new Int32()),
  ];
  const names = [...Object.keys(columns), 'binary', 'steps'];
  const schema = new Schema(names.map((name, i) => new Field(name, vectors[i]!.type as DataType, true)));
  return batchOf(schema, rows.length, vectors.map((vector) => vector.data[0]!));
}

/** A dictionary whose values come in clusters, and in one column hold every byte. */
function clusterBatch(): RecordBatch {
  const rows = Array.from({ length: 3000 }, (_, i) => i);
  const cluster = (i: number) => Math.floor(i / 500) * 37 + ((i * i * 7) % 11);
  const every = Uint8Array.from({ length: 256 }, (_, i) => i);
  const vectors = [
    vectorFromArray(rows.map((i) => `device-${cluster(i) % 150}`), new Utf8()),
    vectorFromArray(rows.map((i) => Uint8Array.of(...every, cluster(i) % 60)), new Binary()),
  ];
  const schema = new Schema(['device', 'every byte'].map((name, i) => new Field(name, vectors[i]!.type as DataType, true)));
  return batchOf(schema, rows.length, vectors.map((vector) => vector.data[0]!));
}

export const GOLDEN_CASES: Readonly<Record<string, () => { batch: RecordBatch; rowGroupRows?: number }>> = {
  'every-method': () => ({ batch: sampleBatch(2000), rowGroupRows: 1200 }),
  'flat-types': () => ({ batch: batchOfTypes(flat, 60, 1) }),
  'flat-types-many-groups': () => ({ batch: batchOfTypes(flat, 61, 100), rowGroupRows: 20 }),
  'nested-types': () => ({ batch: batchOfTypes(nestedTypes, 40, 200), rowGroupRows: 25 }),
  'text': () => ({ batch: textBatch(), rowGroupRows: 600 }),
  clusters: () => ({ batch: clusterBatch() }),
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
