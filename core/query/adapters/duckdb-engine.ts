import type { RecordBatch, Schema } from 'apache-arrow';
import { RecordBatchReader } from 'apache-arrow';
import { type AbortOptions, GranaryError, raceAbort, throwIfAborted } from '#core/kernel/index.ts';
import type { ScanRequest } from '#core/catalog/index.ts';
import { createIpcEncoder } from '../ipc-stream.ts';
import type { AssetResolver, QueryableAsset, QueryEngine, QueryExplanation, QueryRequest, QueryResult } from '../ports.ts';
import { type EngineThread, startEngineThread } from './engine-thread.ts';
import { type AssetMessage, BATCHES_IN_FLIGHT_MAX, type EngineThreadData, type FromWork } from './query-messages.ts';
import { resolveAssets, type ResolvedAsset } from './resolve-assets.ts';
import { createSlots } from './slots.ts';
import { openWorkChannel, type WorkChannel } from './work-channel.ts';

/**
 * Queries open at once; more wait for their turn. Each may hold one of the four threads that Node has for files and
 * native work in the whole process, and one must stay free for the rest of the node.
 */
export const QUERIES_OPEN_MAX = 3;

/** A query that has not ended so long after it was cancelled is given up, and with it the thread it runs on. */
export const CANCEL_MILLISECONDS_MAX = 5000;

/** How long closing waits for the queries that still run. */
const CLOSE_MILLISECONDS_MAX = 5000;

export type DuckdbEngineOptions = EngineThreadData;

/** An engine that can be asked to write Parquet as well. */
export interface DuckdbEngine extends QueryEngine {}

/**
 * DuckDB behind the port: on a thread of its own, started by the first query, in a fresh database for each query that
 * can open no file and change no setting. Errors: those of the port.
 */
export function createDuckdbEngine(options: DuckdbEngineOptions): DuckdbEngine {
  const slots = createSlots(QUERIES_OPEN_MAX);
  let thread: EngineThread | undefined;
  let closed = false;

  const liveThread = (): EngineThread => {
    if (closed) throw new GranaryError('CANCELLED', 'The engine was closed.');
    if (!thread) {
      const started = startEngineThread(options);
      thread = started;
      started.died.catch(() => replace(started));
    }
    return thread;
  };

  /** The next query starts another thread. */
  const replace = (stuck: EngineThread): void => {
    if (thread === stuck) thread = undefined;
  };

  return {
    async run(request, resolver, { signal } = {}) {
      throwIfAborted(signal);
      const release = await slots.acquire({ signal });
      try {
        const own = liveThread();
        return await startQuery({ request, resolver, signal, thread: own, release, giveUp: () => giveUp(own) });
      } catch (error) {
        release();
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      await thread?.close(CLOSE_MILLISECONDS_MAX);
    },
  };

  function giveUp(stuck: EngineThread): void {
    replace(stuck);
    stuck.retire();
  }
}

interface StartQuery {
  readonly request: QueryRequest;
  readonly resolver: AssetResolver;
  readonly signal: AbortSignal | undefined;
  readonly thread: EngineThread;
  readonly release: () => void;
  readonly giveUp: () => void;
}

/** Takes a query to the point where its schema is known. */
async function startQuery({ request, resolver, signal, thread, release, giveUp }: StartQuery): Promise<QueryResult> {
  const cancelled = new Int32Array(new SharedArrayBuffer(4));
  const port = thread.send((workPort) => ({ kind: 'query', sql: request.sql, cancelled, port: workPort }));
  const channel = openWorkChannel(port, thread.died);
  const loading = new AbortController();
  const cancel = (): void => {
    Atomics.store(cancelled, 0, 1);
    channel.send({ kind: 'cancel' });
    loading.abort();
    const timer = setTimeout(giveUp, CANCEL_MILLISECONDS_MAX).unref();
    void channel.ended.then(() => clearTimeout(timer));
  };
  signal?.addEventListener('abort', cancel, { once: true });
  void channel.ended.then(() => {
    signal?.removeEventListener('abort', cancel);
    port.close();
    release();
  });
  const next = (): Promise<FromWork> => raceAbort(channel.next(), signal);
  try {
    const names = await expect(next, 'names');
    const assets = names.listTables ? [] : await resolveAssets(names.names, resolver, request.asOf);
    if (names.listTables) channel.send({ kind: 'tables', names: await resolver.names() });
    else channel.send({ kind: 'assets', assets: assets.map(describe) });
    let message = await next();
    if (message.kind === 'load') {
      for (const { asset, request: scan } of message.loads) {
        const from = assets[asset]!.asset;
        await sendRows(channel, next, asset, from, scan, { signal: signal ? AbortSignal.any([signal, loading.signal]) : loading.signal });
      }
      message = await next();
    }
    if (message.kind !== 'schema') throw unexpected(message);
    return openResult(channel, next, message.bytes, assets, cancel);
  } catch (error) {
    if (!signal?.aborted) cancel();
    throw error;
  }
}

const unexpected = (message: FromWork): GranaryError =>
  new GranaryError('INTERNAL', `The engine sent a message "${message.kind}" out of turn.`);

async function expect<Kind extends FromWork['kind']>(
  next: () => Promise<FromWork>,
  kind: Kind,
): Promise<Extract<FromWork, { kind: Kind }>> {
  const message = await next();
  if (message.kind !== kind) throw unexpected(message);
  return message as Extract<FromWork, { kind: Kind }>;
}

function describe({ viewName, asset }: ResolvedAsset): AssetMessage {
  const { name, storageFormat, schema, segments, segmentPath } = asset;
  const isSent = segmentPath === undefined;
  return {
    viewName,
    name,
    storageFormat,
    schema: schemaBytes(schema),
    rowCount: segments.reduce((sum, segment) => sum + segment.rowCount, 0),
    isSent,
    segments: isSent
      ? []
      : segments.map(({ id, rowCount, columns }) => ({ id, rowCount, columns, path: segmentPath(id) })),
  };
}

function schemaBytes(schema: Schema): Uint8Array {
  return createIpcEncoder(schema).start();
}

/** Sends the rows of an asset, never more than a few batches ahead of the engine. */
async function sendRows(
  channel: WorkChannel,
  next: () => Promise<FromWork>,
  number: number,
  asset: QueryableAsset,
  request: ScanRequest,
  options: AbortOptions,
): Promise<void> {
  let inFlight = 0;
  const stored = async () => {
    await expect(next, 'stored');
    inFlight -= 1;
  };
  for await (const batch of asset.scan(request, options)) {
    if (batch.numRows === 0) continue;
    if (inFlight >= BATCHES_IN_FLIGHT_MAX) await stored();
    const encoder = createIpcEncoder(batch.schema);
    const bytes = Buffer.concat([encoder.start(), encoder.batch(batch)]);
    const own = new Uint8Array(bytes);
    channel.send({ kind: 'rows', asset: number, bytes: own }, [own.buffer]);
    inFlight += 1;
  }
  channel.send({ kind: 'rows end', asset: number });
  while (inFlight > 0) await stored();
}

function openResult(
  channel: WorkChannel,
  next: () => Promise<FromWork>,
  bytes: Uint8Array,
  assets: readonly ResolvedAsset[],
  cancel: () => void,
): QueryResult {
  const { schema } = RecordBatchReader.from(bytes).open();
  let explanation: QueryExplanation | undefined;
  let started = false;
  let ended = false;
  async function* batches(): AsyncGenerator<RecordBatch> {
    if (started) throw new GranaryError('INTERNAL', 'The rows of a query can be read once.');
    started = true;
    try {
      for (;;) {
        const message = await next();
        if (message.kind === 'end') {
          ({ explanation } = message);
          break;
        }
        if (message.kind !== 'batch') throw unexpected(message);
        channel.send({ kind: 'credit' });
        yield readBatch(bytes, message.bytes);
      }
      ended = true;
    } finally {
      if (!ended) close();
    }
  }
  const close = () => {
    if (ended) return;
    ended = true;
    cancel();
  };
  return {
    schema,
    assets: assets.map(({ asset: { id, name, version } }) => ({ id, name, version })),
    batches: batches(),
    explanation() {
      if (explanation) return explanation;
      throw new GranaryError('INTERNAL', 'A query explains itself once its rows have been read.');
    },
    async [Symbol.asyncDispose]() {
      close();
      await channel.ended;
    },
  };
}

/** A batch from the bytes of the schema and its own, which follow one another in a stream. */
function readBatch(schema: Uint8Array, bytes: Uint8Array): RecordBatch {
  const [batch] = RecordBatchReader.from([schema, bytes] as unknown as Iterable<Uint8Array>);
  if (!batch) throw new GranaryError('INTERNAL', 'The engine sent a batch without rows.');
  return batch as RecordBatch;
}
