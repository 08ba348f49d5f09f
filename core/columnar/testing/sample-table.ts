import {
  Bool,
  Field,
  Float64,
  Int32,
  List,
  type RecordBatch,
  Schema,
  TimestampMillisecond,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { createInlineRowGroupEncoder, encodeSegments, type EncodedSegment } from '../index.ts';
import { batchOf } from '../rebatch.ts';

/** A table that uses every way of storing a column: AV1 integers, palettes, zstd, plain, constants, nested. */
export function sampleBatch(rowCount: number): RecordBatch {
  const rows = Array.from({ length: rowCount }, (_, i) => i);
  // A small linear congruential sequence: the same on every machine.
  let state = 1;
  const noise = () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  const columns = [
    vectorFromArray(
      rows.map((i) => i * 7 + Math.floor(noise() * 5)),
      new Int32(),
    ),
    vectorFromArray(
      rows.map(() => (noise() < 0.1 ? null : Math.floor(noise() * 9000) / 100)),
      new Float64(),
    ),
    vectorFromArray(
      rows.map(() => noise()),
      new Float64(),
    ),
    vectorFromArray(
      rows.map(() => noise() < 0.3),
      new Bool(),
    ),
    vectorFromArray(
      rows.map((i) => (i % 11 === 0 ? null : `town ${Math.floor(noise() * 40)}`)),
      new Utf8(),
    ),
    vectorFromArray(
      rows.map((i) => `note ${i} about ${Math.floor(noise() * 1e6)}`),
      new Utf8(),
    ),
    vectorFromArray(
      rows.map((i) => 1_700_000_000_000 + i * 60_000),
      new TimestampMillisecond('UTC'),
    ),
    vectorFromArray(
      rows.map(() => 4),
      new Int32(),
    ),
    vectorFromArray(
      rows.map((i) => [i, i + 1].slice(i % 2)),
      new List(new Field('item', new Int32(), true)),
    ),
  ];
  const names = ['serial', 'price', 'random', 'flag', 'town', 'note', 'time', 'four', 'pair'];
  const schema = new Schema(names.map((name, i) => new Field(name, columns[i]!.type, true)));
  return batchOf(
    schema,
    rowCount,
    columns.map((column) => column.data[0]!),
  );
}

/** The batch as one segment; with `bounded`, columns may use their error bounds. */
export async function encodeOne(batch: RecordBatch, rowGroupRows?: number, bounded?: boolean): Promise<EncodedSegment> {
  async function* source() {
    yield batch;
  }
  const segments: EncodedSegment[] = [];
  for await (const segment of encodeSegments(batch.schema, source(), {
    encoder: createInlineRowGroupEncoder(),
    rowGroupRows,
    bounded,
  })) {
    segments.push(segment);
  }
  if (segments.length !== 1) throw new Error(`${segments.length} segments instead of one`);
  return segments[0]!;
}
