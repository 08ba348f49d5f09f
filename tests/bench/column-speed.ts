import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Data, DataType, Field, Int64, makeData, Schema, Utf8, vectorFromArray } from 'apache-arrow';
import { columnValuesOf } from '#core/columnar/column-values.ts';
import { encodeColumn } from '#core/columnar/encode-column.ts';
import { createReusedMemory, decodeChunk, encodeRowGroup, ROW_GROUP_ROWS } from '#core/columnar/index.ts';
import { batchOf } from '#core/columnar/rebatch.ts';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { FLIGHTS, openDuckdb, temporaryFolder, writeParquetZstd } from './data.ts';
import { atLeast, atMost, mebibytes, type Measurement, ratio } from './measure.ts';
import { rate } from './rate.ts';

const ENCODE_MIN = 35;
const DECODE_MIN = 40;
const DICTIONARY_ENCODE_MIN = 5;
const DICTIONARY_DECODE_MIN = 20;
const SCAN_RATIO_MAX = 3;
const MEMORY_BYTES_MAX = 64 * 2 ** 20;
const MEMORY_ROW_GROUPS_MAX = 6;

const millions = (value: number): string => `${value.toFixed(0)} M/s`;

const random = seededRandom(3);
const bell = (): number => random() + random() + random() + random() - 2;
const state = { walk: 0, time: 1_700_000_000_000 };
const NUMBERS: Readonly<Record<string, (row: number) => number>> = {
  'random walk': () => (state.walk += Math.round(bell() * 12)),
  'timestamps with jitter': () => Math.round((state.time += 1000 + bell() * 30)),
  'small counts': () => Math.floor(-Math.log(1 - random()) * 6),
  'wide integers': () => Math.floor(random() * 1e9),
};

/** Whole columns of one row group, on one thread, without the comparison that storing adds. */
export async function measureColumns(): Promise<readonly Measurement[]> {
  await using folder = await temporaryFolder();
  const duckdb = await openDuckdb();
  const flights = (
    await duckdb.runAndReadAll(`SELECT delay, distance, origin FROM '${FLIGHTS}' LIMIT ${ROW_GROUP_ROWS}`)
  ).getColumns();
  const numbers: readonly (readonly [string, Data])[] = [
    ...Object.entries(NUMBERS).map(
      ([name, next]) =>
        [name, integers(BigInt64Array.from({ length: ROW_GROUP_ROWS }, (_, row) => BigInt(next(row))))] as const,
    ),
    ['flights delay', integers(BigInt64Array.from(flights[0] as bigint[]))],
    ['flights distance', integers(BigInt64Array.from(flights[1] as bigint[]))],
  ];
  const measurements: Measurement[] = [];
  for (const [name, data] of numbers) {
    const { encode, decode } = await speeds(data);
    measurements.push(
      atLeast(`${name}, whole column encoded`, encode, ENCODE_MIN, millions),
      atLeast(`${name}, whole column decoded`, decode, DECODE_MIN, millions),
    );
  }
  const origins = vectorFromArray(flights[2] as string[], new Utf8()).data[0]!;
  const { encode, decode } = await speeds(origins);
  measurements.push(
    atLeast('flights origin, dictionary encoded', encode, DICTIONARY_ENCODE_MIN, millions),
    atLeast('flights origin, dictionary decoded', decode, DICTIONARY_DECODE_MIN, millions),
  );

  const parquet = `${folder.path}/numbers.parquet`;
  await writeParquetZstd(duckdb, `SELECT delay, distance FROM '${FLIGHTS}' LIMIT ${ROW_GROUP_ROWS}`, parquet);
  await duckdb.run('SET threads = 1');
  const values = 2 * ROW_GROUP_ROWS;
  const scan = await rate(values, () => duckdb.runAndReadAll(`SELECT sum(delay), sum(distance) FROM '${parquet}'`));
  const chunks = numbers.slice(-2).map(([, data]) => decoderOf(data));
  const own = await rate(values, () => chunks.forEach((decodeOne) => decodeOne()));
  measurements.push(
    atMost(
      'the two of flights into Arrow, against DuckDB scanning and summing them',
      scan / own,
      SCAN_RATIO_MAX,
      ratio,
    ),
  );

  const { peakBytes, rowGroupBytes } = JSON.parse(
    execFileSync(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(new URL('./encode-memory.ts', import.meta.url)),
    ]).toString(),
  ) as { peakBytes: number; rowGroupBytes: number };
  const bound = MEMORY_BYTES_MAX + MEMORY_ROW_GROUPS_MAX * rowGroupBytes;
  measurements.push(
    atMost(`memory while row groups of ${mebibytes(rowGroupBytes)} are encoded`, peakBytes, bound, mebibytes),
  );
  return measurements;
}

const integers = (data: BigInt64Array): Data => makeData({ type: new Int64(), length: data.length, data });

/** Millions of values a second; the column must come back. */
async function speeds(data: Data): Promise<{ readonly encode: number; readonly decode: number }> {
  const decodeOne = decoderOf(data);
  const decoded = decodeOne();
  if (DataType.isInt(data.type) && (decoded.values as BigInt64Array).some((value, row) => value !== data.values[row]))
    throw new Error('A column did not come back.');
  const column = columnValuesOf(data);
  return {
    encode: await rate(data.length, () => encodeColumn(data.type, column)),
    decode: await rate(data.length, decodeOne),
  };
}

function decoderOf(data: Data): () => Data {
  const schema = new Schema([new Field('column', data.type, true)]);
  const { rowCount, chunks } = encodeRowGroup(batchOf(schema, data.length, [data]));
  const rowGroups = [{ rowCount, chunks: chunks.map((chunk) => ({ ...chunk, offset: 0 })) }];
  const header = { formatVersion: 1, schema, rowCount, rowGroups } as const;
  const memory = createReusedMemory();
  return () => {
    memory.reset();
    return decodeChunk(header, 0, 0, chunks[0]!.unit, { dictionary: true, memory });
  };
}
