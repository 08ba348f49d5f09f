import { parentPort, workerData } from 'node:worker_threads';
import { GranaryError } from '#core/kernel/index.ts';
import { createColumnCache } from './column-cache.ts';
import { createDecodePool, type DecodePool } from './decode-pool.ts';
import { type EngineInstance, openEngineInstance } from './engine-instance.ts';
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
const cache = createColumnCache(data.cacheByteCountMax);
const readHeader = createHeaderReader();
const pool: DecodePool = createDecodePool(data.threadCount);
const working = new Set<Promise<void>>();

/**
 * So long after the first query the decode threads are started, to be there for the next ones. A process that runs one
 * query and ends is spared them.
 */
const IDLE_MILLISECONDS = 50;

/** Opened ahead: an instance takes 10 ms, which the next query need not wait for. */
let spare: Promise<EngineInstance> | undefined;

async function openInstance(): Promise<EngineInstance> {
  const opening = spare ?? openEngineInstance(data);
  spare = undefined;
  return opening;
}

function openSpare(): void {
  spare ??= openEngineInstance(data);
  // Whoever needs it sees the error; until then it is nobody's.
  spare.catch(() => undefined);
}

const track = (work: Promise<void>): void => {
  working.add(work);
  void work.finally(() => {
    working.delete(work);
    if (closing) return;
    openSpare();
    preparing ??= setTimeout(pool.start, IDLE_MILLISECONDS).unref();
  });
};

let closing = false;
let preparing: NodeJS.Timeout | undefined;

async function close(): Promise<void> {
  closing = true;
  clearTimeout(preparing);
  await Promise.allSettled(working);
  const instance = await spare?.catch(() => undefined);
  instance?.close();
  await pool.close();
  port!.close();
}

port.on('message', (order: EngineOrder) => {
  if (order.kind === 'query') {
    track(runQueryWork({ cache, readHeader, pool, openInstance, ...data }, order));
  } else if (order.kind === 'parquet') track(runParquetWork(data, order));
  else if (order.kind === 'close') void close();
});

openSpare();
