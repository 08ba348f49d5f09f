import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Field, Int32, Schema, vectorFromArray } from 'apache-arrow';
import { schemaToJson } from '#core/columnar/index.ts';
import { batchOf } from '#core/columnar/rebatch.ts';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';
import { encodeOne } from '#core/columnar/testing/sample-table.ts';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { readSpecified } from './specified-reader.ts';

const names = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.webm'));

test.each(names)('%s is read by a reader made from the specification alone', async (name) => {
  const answer: unknown = JSON.parse(readFileSync(`${import.meta.dirname}/${name.replace('.webm', '.json')}`, 'utf8'));
  expect(await readSpecified(readFileSync(`${import.meta.dirname}/${name}`))).toEqual(answer);
});

test('large frames in four tiles, with every predictor and with a ranker', async () => {
  const random = seededRandom(9);
  // More values than go through the model.
  const count = 66_000;
  let walk = 0;
  let line = 0;
  let slope = 0;
  const columns = [
    Array.from({ length: count }, () => Math.floor(random() * 1e6)),
    Array.from({ length: count }, () => (walk += Math.floor(random() * 40) - 19)),
    Array.from({ length: count }, () => (line += slope += Math.floor(random() * 9) - 4)),
    // Bursts: what comes next is like what came before.
    Array.from({ length: count }, (_, i) => Math.floor(random() * (i % 900 < 450 ? 3 : 90_000))),
    Array.from({ length: count }, (_, i) => ((i % 24) ** 3 % 977) * 90 + Math.floor(random() * 300)),
  ].map((values) => vectorFromArray(values, new Int32()));
  const schema = new Schema(columns.map(({ type }, i) => new Field(`c${i}`, type, true)));
  const { bytes, header } = await encodeOne(
    batchOf(
      schema,
      count,
      columns.map(({ data }) => data[0]!),
    ),
  );
  const encodings = header.rowGroups[0]!.chunks.map(({ encoding }) => encoding);
  expect(new Set(encodings.map((encoding) => encoding['predictor']))).toEqual(
    new Set(['none', 'delta', 'delta2', 'period']),
  );
  expect(encodings.some((encoding) => encoding['ranker'] !== undefined)).toBe(true);
  expect(await readSpecified(Buffer.from(bytes))).toEqual({
    schema: JSON.parse(JSON.stringify(schemaToJson(schema))),
    rowCount: count,
    columns: columns.map(({ data }) => rowsOf(data[0]!)),
  });
});
