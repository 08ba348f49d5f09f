import type { RecordBatch, Schema } from 'apache-arrow';
import { createIpcEncoder } from './ipc-stream.ts';

/** The Arrow IPC stream format, uncompressed. */
export async function* formatArrow(schema: Schema, batches: AsyncIterable<RecordBatch>): AsyncGenerator<Uint8Array> {
  const encoder = createIpcEncoder(schema);
  yield encoder.start();
  for await (const batch of batches) if (batch.numRows > 0) yield encoder.batch(batch);
  yield encoder.end();
}
