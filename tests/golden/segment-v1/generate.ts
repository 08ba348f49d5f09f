/**
 * Writes the golden files of format version 1: `node tests/golden/segment-v1/generate.ts`. A file that exists is left
 * alone, because its bytes are what every later version must read; only a new case adds one.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { Binary, type DataType, DenseUnion, Field, FixedSizeList, Int32, LargeList, List, Map_, type RecordBatch, Schema, SparseUnion, Struct, Utf8, Float32, Float64, vectorFromArray } from 'apache-arrow';
import fc from 'fast-check';
import { decodeChunk, parseSegmentHeader, schemaToJson } from '#core/columnar/index.ts';
import { arbitraryData, flatTypes } from '#core/columnar/testing/arbitrary-batch.ts';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
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

/** Columns that call for each predictor, mapping and table of numbers. */
function numbersBatch(rowCount: number): RecordBatch {
  const random = seededRandom(7);
  const noise = (range: number) => Math.floor(random() * range);
  const singles = (places: (single: number) => number) => () => places(Math.fround((10_000 + noise(90_000)) / 100));
  const doubles: Readonly<Record<string, (i: number) => number>> = {
    'printed with fixed places': singles((single) => Math.round(single * 1e6) / 1e6),
    'printed with significant digits': () => Number(Math.fround(Math.round(Math.exp(random() * 8) * 100) / 100).toPrecision(10)),
    'doubles': () => random() + random() / 2 ** 32,
    'singles as doubles': () => Math.fround(random() / 3 - 0.1),
  };
  const integers: Readonly<Record<string, (i: number) => number>> = {
    'period': (i) => ((i % 24) ** 3 % 977) * 10 + noise(30),
    'grid': (i) => ((i % 50) ** 2 % 997) * 9 + (Math.floor(i / 50) ** 2 % 991) * 8 + noise(5),
    'repeated steps': (i) => i * 1000 + [5, 900, 17, 333][i % 4]! * (i % 4),
    'few far apart': () => [3, 1_000_007, 55_555_555, -9, 12, 800, 70_001, 4_000_000, 31][noise(9)]!,
    'split': (i) => (i % 7) * 65_536 + noise(256) * 256 + (i % 5),
  };
  const columns = [
    ...Object.values(doubles).map((next) => vectorFromArray(Array.from({ length: rowCount }, (_, i) => next(i)), new Float64())),
    ...Object.values(integers).map((next) => vectorFromArray(Array.from({ length: rowCount }, (_, i) => next(i)), new Int32())),
  ].map((vector) => vector.data[0]!);
  const names = [...Object.keys(doubles), ...Object.keys(integers)];
  return batchOf(new Schema(names.map((name, i) => new Field(name, columns[i]!.type as DataType, true))), rowCount, columns);
}

/** Columns with error bounds; the answers are what the file holds. */
function boundedBatch(rowCount: number): RecordBatch {
  const random = seededRandom(9);
  const special = [NaN, Infinity, -Infinity, null];
  const cells = Array.from({ length: rowCount }, (_, i) => (i % 100 === 7 ? special[(i / 100) & 3]! : (random() - 0.5) * 100));
  const whole = cells.map((cell) => (cell === null || !Number.isFinite(cell) ? null : Math.round(cell * 1000)));
  const bounds: readonly (readonly [string, DataType, readonly (number | null)[]])[] = [
    ['0.25', new Float64(), cells],
    ['1%', new Float64(), cells],
    ['0.25', new Float32(), cells],
    ['1%', new Float32(), cells],
    ['40', new Int32(), whole],
  ];
  const columns = bounds.map(([, type, values]) => vectorFromArray(values, type).data[0]!);
  const fields = bounds.map(([bound, type], i) => new Field(`c${i} ${type}`, type, true, new Map([['granary.maxError', bound]])));
  return batchOf(new Schema(fields), rowCount, columns);
}

export const GOLDEN_CASES: Readonly<Record<string, () => { batch: RecordBatch; rowGroupRows?: number; bounded?: boolean }>> = {
  'every-method': () => ({ batch: sampleBatch(2000), rowGroupRows: 1200 }),
  'flat-types': () => ({ batch: batchOfTypes(flat, 60, 1) }),
  'flat-types-many-groups': () => ({ batch: batchOfTypes(flat, 61, 100), rowGroupRows: 20 }),
  'nested-types': () => ({ batch: batchOfTypes(nestedTypes, 40, 200), rowGroupRows: 25 }),
  'text': () => ({ batch: textBatch(), rowGroupRows: 600 }),
  clusters: () => ({ batch: clusterBatch() }),
  'one-row': () => ({ batch: batchOfTypes([...flat, ...nestedTypes], 1, 300) }),
  'no-rows': () => ({ batch: batchOfTypes([...flat, ...nestedTypes], 0, 400) }),
  'no-columns': () => ({ batch: batchOfTypes([], 3, 500) }),
  'numbers': () => ({ batch: numbersBatch(1500) }),
  'error-bounds': () => ({ batch: boundedBatch(1500), bounded: true }),
  // Written since metadata leave out what goes without saying.
  'short-metadata': () => ({ batch: sampleBatch(2500), rowGroupRows: 1300 }),
  // Written since checksums are striped.
  'striped-checksums': () => ({ batch: sampleBatch(3000), rowGroupRows: 1600 }),
};

export const answerOf = (batch: RecordBatch) => ({
  schema: schemaToJson(batch.schema),
  rowCount: batch.numRows,
  columns: batch.data.children.map(rowsOf),
});

/** What a file holds. */
export function answerOfFile(bytes: Uint8Array) {
  const header = parseSegmentHeader(bytes, bytes.length);
  if ('needByteCount' in header) throw new Error('the whole file was there');
  const columns: string[][] = header.schema.fields.map(() => []);
  header.rowGroups.forEach((group, g) =>
    group.chunks.forEach(({ offset, byteCount }, c) => {
      columns[c]!.push(...rowsOf(decodeChunk(header, g, c, bytes.subarray(offset, offset + byteCount))));
    }),
  );
  return { schema: schemaToJson(header.schema), rowCount: header.rowCount, columns };
}

if (import.meta.main) {
  for (const [name, make] of Object.entries(GOLDEN_CASES)) {
    const file = new URL(`./${name}.webm`, import.meta.url);
    if (existsSync(file)) continue;
    const { batch, rowGroupRows, bounded } = make();
    const { bytes } = await encodeOne(batch, rowGroupRows, bounded);
    writeFileSync(file, bytes);
    const answer = bounded ? answerOfFile(bytes) : answerOf(batch);
    writeFileSync(new URL(`./${name}.json`, import.meta.url), JSON.stringify(answer));
  }
}
