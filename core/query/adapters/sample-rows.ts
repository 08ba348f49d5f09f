import { Field, Int64, makeData, RecordBatch, Schema, Struct, Utf8 } from 'apache-arrow';
import { concatBytes, toUtf8 } from '#core/kernel/index.ts';

/** After so many rows the repeating column starts again. */
const PERIOD_ROWS = 5000;

/** Of the numbers. */
export const SAMPLE_BOUNDS = { min: -300, max: 699 };

const schema = new Schema([
  new Field('number', new Int64()),
  new Field('noise', new Utf8()),
  new Field('repeating', new Utf8()),
]);

/** Made-up rows: numbers, and texts whose codes are carried by AV1 and by zstd. */
export function sampleRows(rowCount: number): RecordBatch {
  // Steps of a small linear congruence: uneven enough to be coded like measured values.
  const steps = Uint32Array.from({ length: rowCount });
  for (let row = 1; row < rowCount; row++) steps[row] = Math.imul(steps[row - 1]!, 1_103_515_245) + 12_345;
  // Below zero as well: such integers take one more step to restore.
  const numbers = BigInt64Array.from(steps, (step) => BigInt(((step >>> 16) % 1000) + SAMPLE_BOUNDS.min));
  const words = Array.from({ length: 200 }, (_, i) => toUtf8(`w${i}`));
  const wordOf = (step: number) => words[(step >>> 20) % words.length]!;
  const noise = Array.from(steps, wordOf);
  const repeating = noise.map((_, row) => wordOf(steps[row % PERIOD_ROWS]!));
  const children = [makeData({ type: new Int64(), length: rowCount, data: numbers }), texts(noise), texts(repeating)];
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rowCount, children }));
}

function texts(values: readonly Uint8Array[]) {
  const valueOffsets = new Int32Array(values.length + 1);
  for (const [row, { length }] of values.entries()) valueOffsets[row + 1] = valueOffsets[row]! + length;
  return makeData({ type: new Utf8(), length: values.length, valueOffsets, data: concatBytes(values) });
}
