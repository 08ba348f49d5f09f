import { readdirSync, readFileSync } from 'node:fs';
import type { RecordBatch } from 'apache-arrow';
import { expect, test } from 'vitest';
import { encodeOne } from '#core/columnar/testing/sample-table.ts';
import { answerOf, answerOfFile, GOLDEN_CASES } from './generate.ts';

const names = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.webm'))
  .map((name) => name.slice(0, -'.webm'.length));

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('there is a golden file for every case', () => {
  expect(names.toSorted()).toEqual(Object.keys(GOLDEN_CASES).toSorted());
});

test.each(names)('%s, written by an earlier version, is read', (name) => {
  const bytes = new Uint8Array(readFileSync(new URL(`./${name}.webm`, import.meta.url)));
  const answer: unknown = JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), 'utf8'));
  expect(plain(answerOfFile(bytes))).toEqual(answer);
});

test.each(Object.keys(GOLDEN_CASES))('%s, written now, is read', async (name) => {
  const { batch, rowGroupRows } = GOLDEN_CASES[name]!() as { batch: RecordBatch; rowGroupRows?: number };
  const { bytes } = await encodeOne(batch, rowGroupRows);
  expect(plain(answerOfFile(bytes))).toEqual(plain(answerOf(batch)));
});
