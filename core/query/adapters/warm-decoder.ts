import { Field, Int64, makeData, RecordBatch, Schema, Struct, Utf8 } from 'apache-arrow';
import { decodeChunk, encodeRowGroup, type SegmentHeader } from '#core/columnar/index.ts';
import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import { toScanColumn } from './scan-column.ts';

const ROWS = 2 ** 16;

/** Enough for the runtime to replace the code it starts with by code that is five times as fast. */
const ROUNDS = 12;

/** Decodes made-up columns, a number and a text, until the decoder runs at its full speed in this thread. */
export function warmDecoder(): void {
  const batch = sample();
  const { rowCount, chunks } = encodeRowGroup(batch);
  const units = chunks.map((chunk) => ({ ...chunk, offset: 0 }));
  const header: SegmentHeader = {
    formatVersion: 1,
    schema: batch.schema,
    rowCount,
    rowGroups: [{ rowCount, chunks: units }],
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [column, { unit }] of units.entries()) {
      toScanColumn(decodeChunk(header, 0, column, unit, { dictionary: true }), 'sample');
    }
  }
}

function sample(): RecordBatch {
  const schema = new Schema([new Field('number', new Int64()), new Field('text', new Utf8())]);
  // Steps of a small linear congruence: uneven enough to be coded like measured values.
  const steps = Uint32Array.from({ length: ROWS });
  for (let row = 1; row < ROWS; row++) steps[row] = Math.imul(steps[row - 1]!, 1_103_515_245) + 12_345;
  // Below zero as well: such integers take one more step to restore.
  const numbers = BigInt64Array.from(steps, (step) => BigInt((step >>> 16) % 1000) - 300n);
  const words = Array.from({ length: 200 }, (_, i) => toUtf8(`w${i}`));
  const texts = Array.from(steps, (step) => words[(step >>> 20) % words.length]!);
  const valueOffsets = new Int32Array(ROWS + 1);
  for (let row = 0; row < ROWS; row++) valueOffsets[row + 1] = valueOffsets[row]! + texts[row]!.length;
  const children = [
    makeData({ type: new Int64(), length: ROWS, data: numbers }),
    makeData({ type: new Utf8(), length: ROWS, valueOffsets, data: concatBytes(texts) }),
  ];
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: ROWS, children }));
}
