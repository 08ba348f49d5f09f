import { parentPort, workerData } from 'node:worker_threads';
import { GranaryError } from '#core/kernel/index.ts';
import { createDecodePool, type DecodePool } from './decode-pool.ts';
import { createRowGroupFiles } from './decoded/row-group-files.ts';
import { createEnginePool } from './engine-pool.ts';
import { runParquetWork } from './parquet-work.ts';
import type { EngineOrder, EngineThreadData } from './query-messages.ts';
import { runQueryWork } from './query-work.ts';
import { createHeaderReader } from './segment-reader.ts';

/**
 * The thread of the engine. DuckDB calls back into it while queries run, many times a second and synchronously, so
 * nothing else may live here. It ends when it is told to and all work is done; it must never be terminated during a
 * scan, which would take the whole process down.
 */
const port = parentPort;
if (!port) throw new GranaryError('INTERNAL', 'duckdb.worker.ts runs as a worker thread only.');

const data = workerData as EngineThreadData;
const files = createRowGroupFiles(data.temporaryFolder, data.cacheByteCountMax);
const readHeader = createHeaderReader();
const pool: DecodePool = createDecodePool(data.threadCount);
const working = new Set<Promise<void>>();

/**
 * So long after the first query the decode threads are started, to be there for the next ones. A process that runs one
 * query and ends is spared them.
 */
const IDLE_MILLISECONDS = 50;

const engines = createEnginePool({ ...data, allowedFolder: files.folder });

const track = (work: Promise<void>): void => {
  working.add(work);
  void work.finally(() => {
    working.delete(work);
    if (closing) return;
    preparing ??= setTimeout(pool.start, IDLE_MILLISECONDS).unref();
  });
};

let closing = false;
let preparing: NodeJS.Timeout | undefined;

async function close(): Promise<void> {
  closing = true;
  clearTimeout(preparing);
  await Promise.allSettled(working);
  await engines.close();
  await pool.close();
  files.close();
  port!.close();
}

port.on('message', (order: EngineOrder) => {
  if (order.kind === 'query') {
    track(runQueryWork({ files, readHeader, pool, engines, ...data }, order));
  } else if (order.kind === 'parquet') track(runParquetWork(data, order));
  else if (order.kind === 'close') void close();
});
