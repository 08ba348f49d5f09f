import type { Data, RecordBatch, Schema, Table } from 'apache-arrow';
import type { DuckDBConnection } from '@duckdb/node-api';
import { decodeIntegerUnit, placeholderUnit, readMetadata } from '#core/columnar/av1/index.ts';
import { readIntegerMetadata } from '#core/columnar/av1/integer-header.ts';
import { columnValuesOf, type ColumnValues } from '#core/columnar/column-values.ts';
import { decodeChunk, encodeRowGroup, type EncodedChunk, ROW_GROUP_ROWS } from '#core/columnar/index.ts';
import { batchOf, rebatch } from '#core/columnar/rebatch.ts';
import { bytesOf, sameBytes } from '#core/columnar/words.ts';
import { concatBytes } from '#core/kernel/index.ts';
import { type BoundedSize, boundedSummary, measureBounded } from './bounded-sizes.ts';
import { corpusTables } from './corpus.ts';
import { openDuckdb, temporaryFolder } from './data.ts';
import { atMost, type Benchmark, type Measurement, reported } from './measure.ts';
import { smallestParquet, zstdSize } from './parquet-size.ts';
import { syntheticTable } from './synthetic.ts';

const PARQUET_MEAN_MAX = 0.6;
const PARQUET_WORST_MAX = 1.05;
const RAW_MEAN_MAX = 0.55;
const TRANSFORM_WORST_MAX = 1.02;

/** Bytes of one column, and of what it is compared with. */
interface ColumnSizes {
  readonly name: string;
  /** The temporal units of all row groups. */
  readonly stored: number;
  readonly parquet: number;
  /** zstd 19 of the values, little-endian, without nulls; text: each with a newline. The validity bits come with them. */
  readonly raw: number;
  /** Where AV1 holds integers: the same residuals through zstd 3 in its stead. */
  readonly transform: number;
  readonly how: string;
}

/** Every column of the corpus against Parquet and zstd; each is decoded and compared before it counts. */
export const sizesBenchmark: Benchmark = {
  name: 'sizes',
  async run() {
    await using folder = await temporaryFolder();
    const duckdb = await openDuckdb();
    const columns: ColumnSizes[] = [];
    const bounded: BoundedSize[] = [];
    for (const { name, load } of corpusTables(duckdb, folder.path)) {
      const table = await load();
      columns.push(...(await measureTable(name, table, duckdb, folder.path)));
      bounded.push(...(await measureBounded(name, table)));
    }
    const table = syntheticTable();
    const synthetic = await measureTable('synthetic', table, duckdb, folder.path);
    bounded.push(...(await measureBounded('synthetic', table)));
    return [
      ...columns.map(line),
      ...summary('real', columns),
      ...synthetic.map(line),
      ...summary('synthetic', synthetic),
      ...boundedSummary(bounded),
    ];
  },
};

const share = (value: number): string => value.toFixed(3);
const mean = (values: readonly number[]) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

function line({ name, stored, parquet, raw, transform, how }: ColumnSizes): Measurement {
  const against = [parquet, raw, transform].map((other) => share(stored / other)).join(' ');
  return reported(name, `${stored} B, against Parquet, zstd 19, zstd for AV1: ${against} (${how})`);
}

function summary(set: string, columns: readonly ColumnSizes[]): readonly Measurement[] {
  const against = (side: 'parquet' | 'raw' | 'transform'): Ratios =>
    columns.map((column) => ({ name: column.name, value: column.stored / column[side] }));
  const [parquet, raw, transform] = [against('parquet'), against('raw'), against('transform')];
  const worst = (what: string, ratios: Ratios, bound: number) => {
    const { name, value } = ratios.reduce((left, right) => (right.value > left.value ? right : left));
    return atMost(`${set}, ${what}, worst: ${name}`, value, bound, share);
  };
  const geometric = (what: string, ratios: Ratios, bound: number) =>
    atMost(
      `${set}, ${what}, geometric mean of ${columns.length}`,
      mean(ratios.map(({ value }) => value)),
      bound,
      share,
    );
  return [
    geometric('best Parquet with zstd 3', parquet, PARQUET_MEAN_MAX),
    worst('best Parquet with zstd 3', parquet, PARQUET_WORST_MAX),
    reported(
      `${set}, best Parquet, columns above ${PARQUET_WORST_MAX}`,
      String(parquet.filter(({ value }) => value > PARQUET_WORST_MAX).length),
    ),
    geometric('zstd 19 of the raw values', raw, RAW_MEAN_MAX),
    worst('the same transform with zstd 3', transform, TRANSFORM_WORST_MAX),
  ];
}

type Ratios = readonly { readonly name: string; readonly value: number }[];

async function measureTable(
  tableName: string,
  table: Table,
  duckdb: DuckDBConnection,
  folder: string,
): Promise<ColumnSizes[]> {
  const sizes: ColumnSizes[] = [];
  for (const field of table.schema.fields) {
    const column = table.select([field.name]);
    const { byteCount: parquet, how } = await smallestParquet(duckdb, column, folder);
    const stored = await storedSizes(column);
    sizes.push({
      name: `${tableName}.${field.name}`,
      parquet,
      ...stored,
      how: `${stored.how}; ${parquet} B by ${how}`,
    });
  }
  return sizes;
}

/** Encodes a table of one column by row groups, and proves that it comes back. */
export async function storedSizes(column: Table): Promise<Omit<ColumnSizes, 'name' | 'parquet'>> {
  const raw: Uint8Array[] = [];
  const ways = new Set<string>();
  let stored = 0;
  let transform = 0;
  for await (const { batch } of rebatch(column.schema, batches(column), ROW_GROUP_ROWS)) {
    const encoded = encodeRowGroup(batch);
    const chunk = encoded.chunks[0]!;
    const values = columnValuesOf(batch.data.children[0]!);
    assertSame(values, columnValuesOf(decoded(column.schema, encoded.rowCount, chunk)));
    raw.push(...rawBytes(values));
    stored += chunk.byteCount;
    const { runs = values.rowCount - values.nullCount } = chunk.encoding as { runs?: number };
    transform += withoutAv1(chunk, runs);
    ways.add([chunk.encoding.mapping, chunk.encoding.method, chunk.encoding['predictor']].filter(Boolean).join(' '));
  }
  return { stored, transform, raw: zstdSize(concatBytes(raw), 19), how: [...ways].join(', ') };
}

async function* batches(column: Table): AsyncGenerator<RecordBatch> {
  for (const batch of column.batches) yield batchOf(column.schema, batch.numRows, [batch.data.children[0]!]);
}

function decoded(schema: Schema, rowCount: number, chunk: EncodedChunk): Data {
  const rowGroups = [{ rowCount, chunks: [{ ...chunk, offset: 0 }] }];
  return decodeChunk({ formatVersion: 1, schema, rowCount, rowGroups }, 0, 0, chunk.unit);
}

function assertSame(left: ColumnValues, right: ColumnValues): void {
  const [a, b] = [rawParts(left), rawParts(right)];
  if (a.length !== b.length || a.some((part, i) => !sameBytes(part, b[i]!)))
    throw new Error('A column did not come back as it was.');
}

function rawParts({ validity, values }: ColumnValues): Uint8Array[] {
  const parts = validity ? [validity] : [];
  if (values.kind === 'fixed') return [...parts, values.bytes];
  if (values.kind === 'text') return [...parts, bytesOf(values.offsets), values.bytes];
  return parts;
}

/** What zstd is given: fixed values as they are, text with a newline after each, and the validity in front. */
function rawBytes(column: ColumnValues): Uint8Array[] {
  if (column.values.kind !== 'text') return rawParts(column);
  const { offsets, bytes } = column.values;
  const lines = new Uint8Array(bytes.length + offsets.length - 1);
  for (let i = 0; i + 1 < offsets.length; i++) {
    lines.set(bytes.subarray(offsets[i]!, offsets[i + 1]!), offsets[i]! + i);
    lines[offsets[i + 1]! + i] = 10;
  }
  return column.validity ? [column.validity, lines] : [lines];
}

/**
 * The size of a chunk when zstd 3 holds its residuals in place of AV1, in the better of two forms: packed into as few whole
 * bytes as they need, or as classes and offsets. A chunk that holds none is its own size.
 */
function withoutAv1({ unit, byteCount, encoding }: EncodedChunk, valueCount: number): number {
  if (encoding.method !== 'integers') return byteCount;
  const { metadata, bins, predictor, base, slope, lag, offsets } = readIntegerMetadata(readMetadata(unit));
  const { values } = decodeIntegerUnit(unit, valueCount);
  const residuals = new BigInt64Array(valueCount);
  const classes = new Uint8Array(valueCount);
  let before = base;
  let delta = slope;
  let least = 2n ** 63n;
  let most = -(2n ** 63n);
  for (let i = 0; i < valueCount; i++) {
    const value = values[i]!;
    const step = BigInt.asIntN(64, value - before);
    const row = values[i - lag] ?? base;
    const predicted = {
      none: base,
      delta: before,
      delta2: before + delta,
      period: row,
      lorenzo: before + row - (values[i - lag - 1] ?? base),
    }[predictor];
    const residual = BigInt.asIntN(64, value - predicted);
    residuals[i] = residual;
    classes[i] = bins.findIndex(({ low, bits }) => residual >= low && residual - low < 1n << BigInt(bits));
    if (residual < least) least = residual;
    if (residual > most) most = residual;
    delta = step;
    before = value;
  }
  const width = [1, 2, 4].find((bytes) => most - least < 1n << BigInt(8 * bytes)) ?? 8;
  const distances = residuals.map((residual) => residual - least);
  const packed = new Uint8Array(valueCount * width);
  const bytes = bytesOf(distances);
  for (let i = 0; i < valueCount; i++) packed.set(bytes.subarray(8 * i, 8 * i + width), width * i);
  const inUnit = (bodyBytes: number) => placeholderUnit(metadata).length + bodyBytes;
  const offsetBytes = Math.min(offsets.length, offsets.length > 0 ? zstdSize(offsets, 3) : 0);
  return Math.min(inUnit(zstdSize(packed, 3)), inUnit(zstdSize(classes, 3) + offsetBytes));
}
