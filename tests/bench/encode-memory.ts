// usage: node encode-memory.ts: encodes many row groups in this process and prints how far its memory rose above what it
// held before, as JSON in bytes.
import { Field, Int64, makeData, Schema } from 'apache-arrow';
import { encodeRowGroup, ROW_GROUP_ROWS } from '#core/columnar/index.ts';
import { batchOf } from '#core/columnar/rebatch.ts';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { peakMemory } from './peak-memory.ts';

const COLUMNS = 8;
const ROW_GROUPS = 12;

const random = seededRandom(5);
const columns = Array.from({ length: COLUMNS }, (_, column) =>
  makeData({
    type: new Int64(),
    length: ROW_GROUP_ROWS,
    data: BigInt64Array.from({ length: ROW_GROUP_ROWS }, (_, row) =>
      BigInt(Math.floor(random() * 10 ** (column + 1)) + row * column),
    ),
  }),
);
const schema = new Schema(columns.map((_, i) => new Field(`c${i}`, new Int64(), true)));
const before = peakMemory();
for (let i = 0; i < ROW_GROUPS; i++) encodeRowGroup(batchOf(schema, ROW_GROUP_ROWS, columns));
const peakBytes = peakMemory() - before;
console.log(JSON.stringify({ peakBytes, rowGroupBytes: COLUMNS * ROW_GROUP_ROWS * 8 }));
