import { Field, Int64, makeData, RecordBatch, Schema, Struct, Utf8 } from 'apache-arrow';
import { concatBytes, toUtf8 } from '#core/kernel/index.ts';

/** After so many rows the repeating column starts again. */
const PERIOD_ROWS = 5000;

/** Of all numbers. */
export const SAMPLE_BOUNDS = { min: -300, max: 699 };

const schema = new Schema([
  new Field('number', new Int64()),
  new Field('noise', new Utf8()),
  new Field('repeating', new Utf8()),
  new Field('sequence', new Int64()),
  new Field('repeatingNumber', new Int64()),
]);

/** Made-up rows: numbers, and texts whose codes are carried by AV1 and by zstd; numbers that zstd carries. */
export function sampleRows(rowCount: number): RecordBatch {
  // Steps of a small linear congruence: uneven enough to be coded like measured values.
  const steps = Uint32Array.from({ length: rowCount });
  for (let row = 1; row < rowCount; row++) steps[row] = Math.imul(steps[row - 1]!, 1_103_515_245) + 12_345;
  // Below zero as well: such integers take one more step to restore.
  const numberOf = (step: number) => BigInt((step % 1000) + SAMPLE_BOUNDS.min);
  const numbers = BigInt64Array.from(steps, (step) => numberOf(step >>> 16));
  const sequence = BigInt64Array.from({ length: rowCount }, (_, row) => numberOf(row));
  const again = BigInt64Array.from({ length: rowCount }, (_, row) => numbers[row % PERIOD_ROWS]!);
  const words = Array.from({ length: 200 }, (_, i) => toUtf8(`w${i}`));
  const wordOf = (step: number) => words[(step >>> 20) % words.length]!;
  const noise = Array.from(steps, wordOf);
  const repeating = noise.map((_, row) => wordOf(steps[row % PERIOD_ROWS]!));
  const children = [integers(numbers), texts(noise), texts(repeating), integers(sequence), integers(again)];
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rowCount, children }));
}

const integers = (data: BigInt64Array) => makeData({ type: new Int64(), length: data.length, data });

function texts(values: readonly Uint8Array[]) {
  const valueOffsets = new Int32Array(values.length + 1);
  for (const [row, { length }] of values.entries()) valueOffsets[row + 1] = valueOffsets[row]! + length;
  return makeData({ type: new Utf8(), length: values.length, valueOffsets, data: concatBytes(values) });
}
