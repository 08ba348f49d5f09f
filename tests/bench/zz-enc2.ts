import { openDuckdb } from './data.ts';
import {
  Table,
  tableFromIPC,
  vectorFromArray,
  RecordBatch,
  Schema,
  Field,
  makeData,
  Struct,
  Int64,
} from 'apache-arrow';
import { columnValuesOf } from '#core/columnar/column-values.ts';
import { encodeColumn } from '#core/columnar/encode-column.ts';
import { decodeColumn } from '#core/columnar/decode-column.ts';
import '#core/columnar/index.ts';
const N = 262144;
let s = 1;
const rnd = () => {
  s = (Math.imul(s, 1103515245) + 12345) | 0;
  return ((s >>> 8) & 0xffffff) / 0x1000000;
};
const gauss = () => {
  let a = 0;
  for (let i = 0; i < 6; i++) a += rnd();
  return a - 3;
};
const cols: Record<string, BigInt64Array> = {};
let w = 0;
cols.walk = BigInt64Array.from({ length: N }, () => BigInt((w += Math.round(gauss() * 10))));
let t = 1.6e12;
cols.jitter = BigInt64Array.from({ length: N }, () => BigInt(Math.round((t += 1000 + gauss() * 20))));
cols.small = BigInt64Array.from({ length: N }, () => BigInt(Math.floor(-Math.log(1 - rnd()) * 6)));
cols.wide = BigInt64Array.from({ length: N }, () => BigInt(Math.floor(rnd() * 1e9)));
cols.delayish = BigInt64Array.from({ length: N }, () =>
  BigInt(Math.round(gauss() * 20 + (rnd() < 0.1 ? -Math.log(1 - rnd()) * 60 : 0))),
);
const d = await openDuckdb();
const rows = (
  await d.runAndReadAll(
    `SELECT delay, distance FROM '${process.cwd()}/node_modules/vega-datasets/data/flights-3m.parquet' LIMIT ${N}`,
  )
).getColumns();
cols.delay = BigInt64Array.from(rows[0] as bigint[]);
cols.distance = BigInt64Array.from(rows[1] as bigint[]);
for (const [k, v] of Object.entries(cols)) {
  const data = makeData({ type: new Int64(), length: N, data: v });
  const cv = columnValuesOf(data);
  let best = 1e9,
    bd = 1e9,
    e: any;
  for (let i = 0; i < 25; i++) {
    const a = performance.now();
    e = encodeColumn(new Int64(), cv);
    best = Math.min(best, performance.now() - a);
  }
  for (let i = 0; i < 6; i++) {
    const a = performance.now();
    decodeColumn(new Int64(), e.unit, { method: e.method, ...e.description } as any, N, 0);
    bd = Math.min(bd, performance.now() - a);
  }
  console.log(
    k.padEnd(10),
    'encode',
    (N / best / 1000).toFixed(0),
    'M/s decode',
    (N / bd / 1000).toFixed(0),
    'M/s',
    e.method,
    JSON.stringify(e.description).slice(0, 200),
  );
}
