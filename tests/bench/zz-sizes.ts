import { readFileSync } from 'node:fs';
import { corpusTables } from './corpus.ts';
import { openDuckdb, temporaryFolder } from './data.ts';
import { encodeRowGroup, ROW_GROUP_ROWS } from '#core/columnar/index.ts';
import { batchOf, rebatch } from '#core/columnar/rebatch.ts';
const base = new Map<string, { p: number; r: number; s: number }>();
for (const line of readFileSync('/tmp/exp/sizes.log', 'utf8').split('\n')) {
  const m = /^(.*?) +(\d+) B, against Parquet, zstd 19, zstd for AV1: ([\d.]+) ([\d.]+) ([\d.]+) \(.*; (\d+) B by/.exec(
    line,
  );
  if (m) base.set(m[1]!.trim(), { p: Number(m[6]), r: Number(m[2]) / Number(m[4]), s: Number(m[2]) });
}
await using folder = await temporaryFolder();
const duckdb = await openDuckdb();
let lp = 0,
  lr = 0,
  n = 0;
const worst: any[] = [];
let ms = 0;
for (const { name, load } of corpusTables(duckdb, folder.path)) {
  if (process.env.SKIP3M && name.includes('3m')) {
    for (const [k, b] of base)
      if (k.startsWith(name)) {
        lp += Math.log(b.s / b.p);
        lr += Math.log(b.s / b.r);
        n++;
      }
    continue;
  }
  const table = await load();
  for (const field of table.schema.fields) {
    const column = table.select([field.name]);
    let stored = 0;
    let how = '';
    async function* batches() {
      for (const b of column.batches) yield batchOf(column.schema, b.numRows, [b.data.children[0]!]);
    }
    for await (const { batch } of rebatch(column.schema, batches(), ROW_GROUP_ROWS)) {
      const t = performance.now();
      const c = encodeRowGroup(batch).chunks[0]!;
      ms += performance.now() - t;
      stored += c.byteCount;
      how = [c.encoding.mapping, c.encoding.method, c.encoding['predictor']].filter(Boolean).join(' ');
    }
    const b = base.get(`${name}.${field.name}`);
    if (!b) {
      console.log('no base', name, field.name);
      continue;
    }
    lp += Math.log(stored / b.p);
    lr += Math.log(stored / b.r);
    n++;
    worst.push([stored / b.p, name + '.' + field.name, stored, b.s, b.p, how]);
  }
}
console.log(
  'n',
  n,
  'parquet',
  Math.exp(lp / n).toFixed(4),
  'raw19',
  Math.exp(lr / n).toFixed(4),
  'encode ms',
  ms.toFixed(0),
);
worst.sort((a, b) => b[0] - a[0]);
for (const w of worst.slice(0, 12)) console.log(w[0].toFixed(3), ...w.slice(1));
if (process.env.ALL) for (const w of worst) console.log('ALL', w.join('|'));
