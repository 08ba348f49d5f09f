import { type RecordBatch, Schema } from 'apache-arrow';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { createThreadedEncoder } from './adapters/worker-row-group-encoder.ts';
import {
  createInlineRowGroupEncoder,
  createWorkerRowGroupEncoder,
  encodeSegments,
  type EncodedSegment,
  type RowGroupEncoder,
} from './index.ts';
import { sampleBatch } from './testing/sample-table.ts';
import { batchOf } from './rebatch.ts';

const batch = sampleBatch(6000);

async function* source(count: number) {
  for (let i = 0; i < count; i++) yield batch;
}

async function encode(encoder: RowGroupEncoder, batches: AsyncIterable<RecordBatch>, signal?: AbortSignal) {
  const segments: EncodedSegment[] = [];
  for await (const segment of encodeSegments(batch.schema, batches, { encoder, rowGroupRows: 2500, signal })) {
    segments.push(segment);
  }
  return segments;
}

test('worker threads give the same segments as the calling thread', async () => {
  await using workers = createWorkerRowGroupEncoder({ threadCount: 2 });
  const expected = await encode(createInlineRowGroupEncoder(), source(3));
  const segments = await encode(workers, source(3));
  expect(segments.map((segment) => segment.hash)).toEqual(expected.map((segment) => segment.hash));
});

test('the batch can still be used after it was encoded', async () => {
  await using workers = createWorkerRowGroupEncoder({ threadCount: 1 });
  const first = await workers.encode(batch);
  expect(await workers.encode(batch)).toEqual(first);
});

test('a failure in a thread keeps its code, and the thread goes on', async () => {
  await using workers = createWorkerRowGroupEncoder({ threadCount: 1 });
  const columns = Array.from({ length: 1001 }, () => batch.data.children[0]!);
  const fields = columns.map(() => batch.schema.fields[0]!);
  const wide = batchOf(new Schema(fields), batch.numRows, columns);
  await expect(workers.encode(wide)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await expect(workers.encode(batch)).resolves.toMatchObject({ rowCount: batch.numRows });
});

test('cancelling rejects at once and leaves the encoder usable', async () => {
  await using workers = createWorkerRowGroupEncoder({ threadCount: 1 });
  const stop = new AbortController();
  const work = Promise.all([1, 2, 3].map(() => workers.encode(batch, { signal: stop.signal })));
  stop.abort();
  await expect(work).rejects.toMatchObject({ code: 'CANCELLED' });
  await expect(workers.encode(batch)).resolves.toMatchObject({ rowCount: batch.numRows });
});

test.each([
  ['ends', `process.exit(3)`],
  ['throws', `throw new Error('out of luck')`],
])('a thread that %s fails its row group, and the next one gets a new thread', async (_, script) => {
  let started = 0;
  const source = `require('node:worker_threads').parentPort.on('message', () => { ${script} })`;
  await using workers = createThreadedEncoder(1, () => {
    started += 1;
    return new Worker(source, { eval: true });
  });
  const work = await Promise.allSettled([1, 2, 3].map(() => workers.encode(batch)));
  expect(work.map((result) => result.status === 'rejected' && result.reason.code)).toEqual(Array(3).fill('INTERNAL'));
  expect(started).toBe(3);
});

test('closing rejects what is under way instead of hanging', async () => {
  const workers = createWorkerRowGroupEncoder({ threadCount: 1 });
  const work = [1, 2, 3].map(() => workers.encode(batch));
  const settled = Promise.allSettled(work);
  await workers[Symbol.asyncDispose]();
  const results = await settled;
  expect(results.every((result) => result.status === 'rejected' && result.reason.code === 'CANCELLED')).toBe(true);
});

test('stopping to read the segments cancels the source and the threads', async () => {
  await using workers = createWorkerRowGroupEncoder({ threadCount: 2 });
  let closed = false;
  async function* endless() {
    try {
      for (;;) yield batch;
    } finally {
      closed = true;
    }
  }
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 200);
  await expect(encode(workers, endless(), stop.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(closed).toBe(true);
});

test('a table without rows is one segment without row groups', async () => {
  const [segment, ...more] = await encode(createInlineRowGroupEncoder(), source(0));
  expect(more).toEqual([]);
  expect(segment!.header.rowCount).toBe(0);
  expect(segment!.header.rowGroups).toEqual([]);
});
