import { readdirSync, readFileSync } from 'node:fs';
import type { RecordBatch } from 'apache-arrow';
import { expect, test } from 'vitest';
import { decodeChunk, parseSegmentHeader, schemaToJson } from '#core/columnar/index.ts';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';
import { encodeOne } from '#core/columnar/testing/sample-table.ts';
import { answerOf, GOLDEN_CASES } from './generate.ts';

const names = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.webm'))
  .map((name) => name.slice(0, -'.webm'.length));

function read(bytes: Uint8Array) {
  const header = parseSegmentHeader(bytes, bytes.length);
  if ('needByteCount' in header) throw new Error('the whole file was there');
  const columns: string[][] = header.schema.fields.map(() => []);
  header.rowGroups.forEach((group, g) =>
    group.chunks.forEach(({ offset, byteCount }, c) => {
      columns[c]!.push(...rowsOf(decodeChunk(header, g, c, bytes.subarray(offset, offset + byteCount))));
    }),
  );
  return { schema: schemaToJson(header.schema), rowCount: header.rowCount, columns };
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('there is a golden file for every case', () => {
  expect(names.toSorted()).toEqual(Object.keys(GOLDEN_CASES).toSorted());
});

test.each(names)('%s, written by an earlier version, is read', (name) => {
  const bytes = new Uint8Array(readFileSync(new URL(`./${name}.webm`, import.meta.url)));
  const answer: unknown = JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), 'utf8'));
  expect(plain(read(bytes))).toEqual(answer);
});

test.each(Object.keys(GOLDEN_CASES))('%s, written now, is read', async (name) => {
  const { batch, rowGroupRows } = GOLDEN_CASES[name]!() as { batch: RecordBatch; rowGroupRows?: number };
  const { bytes } = await encodeOne(batch, rowGroupRows);
  expect(plain(read(bytes))).toEqual(plain(answerOf(batch)));
});
