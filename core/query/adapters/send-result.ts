import type { MessagePort } from 'node:worker_threads';
import { RecordBatch, Schema, Struct, makeData } from 'apache-arrow';
import duckdb from '@duckdb/node-bindings';
import { GranaryError } from '#core/kernel/index.ts';
import { createIpcEncoder } from '../ipc-stream.ts';
import type { Inbox } from './inbox.ts';
import { BATCHES_IN_FLIGHT_MAX, type FromWork } from './query-messages.ts';
import { createResultColumn } from './result-columns.ts';
import { VECTOR_ROWS_MAX } from './fill-vector.ts';

/** Rows of one batch: large enough that sending it costs little, small enough that the first comes soon. */
const BATCH_ROWS_MAX = 32 * VECTOR_ROWS_MAX;

/** A batch is sent early when its columns hold this much. */
const BATCH_BYTES_MAX = 8 * 2 ** 20;

/**
 * Runs a statement and sends its rows as Arrow IPC, never more than a few batches ahead of who reads them. Returns false
 * when the engine failed on the way: it ends a stream of rows in the same manner as when there are no more, and keeps
 * its reason to itself.
 */
export async function sendResult(
  connection: duckdb.Connection,
  select: string,
  port: MessagePort,
  inbox: Inbox,
): Promise<boolean> {
  const prepared = await duckdb.prepare(connection, select);
  try {
    return await sendRows(await duckdb.execute_prepared_streaming(prepared), port, inbox);
  } finally {
    duckdb.destroy_prepare_sync(prepared);
  }
}

async function sendRows(result: duckdb.Result, port: MessagePort, inbox: Inbox): Promise<boolean> {
  const columns = Array.from({ length: duckdb.column_count(result) }, (_, index) =>
    createResultColumn(duckdb.column_name(result, index), duckdb.column_logical_type(result, index), BATCH_ROWS_MAX),
  );
  const schema = new Schema(columns.map((column) => column.field));
  const encoder = createIpcEncoder(schema);
  const send = (message: FromWork & { bytes: Uint8Array<ArrayBuffer> }) =>
    port.postMessage(message, [message.bytes.buffer]);
  send({ kind: 'schema', bytes: encoder.start() });
  let credits = BATCHES_IN_FLIGHT_MAX;
  let rowCount = 0;
  const flush = async (): Promise<void> => {
    while (credits === 0) if ((await inbox.next()).kind === 'credit') credits += 1;
    credits -= 1;
    const children = columns.map((column) => column.take());
    const data = makeData({ type: new Struct(schema.fields), length: rowCount, nullCount: 0, children });
    send({ kind: 'batch', bytes: encoder.batch(new RecordBatch(schema, data)) });
    rowCount = 0;
  };
  for (;;) {
    if (inbox.cancelled) throw new GranaryError('CANCELLED', 'The query was cancelled.');
    const chunk = await duckdb.fetch_chunk(result);
    const count = chunk ? duckdb.data_chunk_get_size(chunk) : 0;
    if (!chunk || count === 0) break;
    for (const [index, column] of columns.entries()) column.append(chunk, index, count);
    rowCount += count;
    const byteCount = columns.reduce((sum, column) => sum + column.byteCount, 0);
    if (rowCount + VECTOR_ROWS_MAX > BATCH_ROWS_MAX || byteCount >= BATCH_BYTES_MAX) await flush();
  }
  if (duckdb.result_return_type(result) === duckdb.ResultType.INVALID) return false;
  if (rowCount > 0) await flush();
  return true;
}
