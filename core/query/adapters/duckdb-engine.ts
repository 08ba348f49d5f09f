import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type RecordBatch, RecordBatchReader, type Schema } from 'apache-arrow';
import { type AbortOptions, GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import { createIpcEncoder } from '../ipc-stream.ts';
import type { AssetResolver, QueryEngine, QueryExplanation, QueryRequest, QueryResult } from '../ports.ts';
import { type EngineThread, startEngineThread } from './engine-thread.ts';
import type { AssetMessage, EngineThreadData } from './query-messages.ts';
import { type ResolvedAsset, resolveAssets } from './resolve-assets.ts';
import { sendRows } from './send-rows.ts';
import { createSlots } from './slots.ts';
import { warmEngine } from './warm-engine.ts';
import { openWorkChannel, type WorkChannel, type WorkChannelOptions } from './work-channel.ts';

/**
 * Queries open at once; more wait for their turn. Each may hold one of the four threads that Node has for files and
 * native work in the whole process, and one must stay free for the rest of the node.
 */
export const QUERIES_OPEN_MAX = 3;

/** A query that has not ended so long after it was cancelled is given up, and with it the thread it runs on. */
export const CANCEL_MILLISECONDS_MAX = 5000;

/** How long closing waits for the queries that still run; they were told to stop, and somebody waits at a prompt. */
export const CLOSE_MILLISECONDS_MAX = 1500;

/** So long after the first query, when there is nothing to do, the engine is warmed for the next ones. */
const IDLE_MILLISECONDS = 50;

export interface DuckdbEngineOptions extends EngineThreadData {
  /**
   * Called by closing when a thread is still within a call of the engine that nothing can stop. The process then does not
   * end by itself before the call does.
   */
  readonly onThreadLeftBehind?: (() => void) | undefined;
}

export interface DuckdbEngine extends QueryEngine {
  /** The rows as one Parquet file with zstd, in chunks. What Parquet has no type for is written as text. */
  writeParquet(
    schema: Schema,
    batches: AsyncIterable<RecordBatch>,
    options?: AbortOptions,
  ): AsyncGenerator<Uint8Array, void, undefined>;
  /** Bytes that each column takes in that file: what the columns of a segment are measured against. */
  parquetBaseline(
    schema: Schema,
    batches: AsyncIterable<RecordBatch>,
    options?: AbortOptions,
  ): Promise<readonly number[]>;
}

/**
 * DuckDB behind the port: on a thread of its own, started by the first query, in a fresh database for each query that
 * can open no file and change no setting. A thread that dies fails its queries and is replaced by the next one.
 */
export function createDuckdbEngine({ onThreadLeftBehind, ...options }: DuckdbEngineOptions): DuckdbEngine {
  const slots = createSlots(QUERIES_OPEN_MAX);
  const closing = new AbortController();
  const retired = new Set<EngineThread>();
  let thread: EngineThread | undefined;
  let warming: NodeJS.Timeout | undefined;

  const liveThread = (): EngineThread => {
    if (thread) return thread;
    const started = startEngineThread(options);
    thread = started;
    started.died.catch(() => {
      if (thread === started) thread = undefined;
    });
    return started;
  };

  /** Takes a place and starts a piece of work in it; the place is free again when the work has ended. */
  const open = async (order: WorkChannelOptions['order'], { signal: outer }: AbortOptions): Promise<WorkChannel> => {
    const signal = outer ? AbortSignal.any([outer, closing.signal]) : closing.signal;
    throwIfAborted(signal);
    const release = await slots.acquire({ signal });
    try {
      const own = liveThread();
      const onStuck = () => {
        if (thread === own) thread = undefined;
        own.retire();
        retired.add(own);
        release();
      };
      const channel = openWorkChannel({
        thread: own,
        order,
        signal,
        cancelMilliseconds: CANCEL_MILLISECONDS_MAX,
        onStuck,
      });
      void channel.ended.then(release);
      return channel;
    } catch (error) {
      release();
      throw error;
    }
  };

  /** Writes a file that its caller removes, and returns the bytes of each column in it. */
  const writeFile = async (
    path: string,
    schema: Schema,
    batches: AsyncIterable<RecordBatch>,
    { signal }: AbortOptions,
  ): Promise<readonly number[]> => {
    const channel = await open((port) => ({ kind: 'parquet', schema: schemaBytes(schema), path, port }), { signal });
    try {
      await sendRows(channel, 0, batches);
      return (await channel.expect('written')).columnByteCounts;
    } catch (error) {
      channel.cancel();
      throw error;
    } finally {
      await channel.ended;
    }
  };
  const temporaryPath = () => join(options.temporaryFolder, `${randomBytes(8).toString('hex')}.parquet`);

  const engine: DuckdbEngine = {
    async run(request, resolver, { signal } = {}) {
      const channel = await open((port, cancelled) => ({ kind: 'query', sql: request.sql, cancelled, port }), {
        signal,
      });
      // A process that runs one query and ends is spared it.
      warming ??= setTimeout(() => void warmEngine(engine, options.temporaryFolder), IDLE_MILLISECONDS).unref();
      try {
        return await startQuery(channel, request, resolver);
      } catch (error) {
        channel.cancel();
        throw error;
      }
    },
    async *writeParquet(schema, batches, { signal } = {}) {
      const path = temporaryPath();
      try {
        await writeFile(path, schema, batches, { signal });
        for await (const chunk of createReadStream(path, { signal })) yield chunk as Uint8Array;
      } finally {
        await rm(path, { force: true });
      }
    },
    async parquetBaseline(schema, batches, { signal } = {}) {
      const path = temporaryPath();
      try {
        return await writeFile(path, schema, batches, { signal });
      } finally {
        await rm(path, { force: true });
      }
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(warming);
      closing.abort(new GranaryError('CANCELLED', 'The engine was closed.'));
      await thread?.close(CLOSE_MILLISECONDS_MAX);
      if ([...retired, ...(thread ? [thread] : [])].some(({ hasEnded }) => !hasEnded)) onThreadLeftBehind?.();
    },
  };
  return engine;
}

/** Takes a query to the point where its schema is known. */
async function startQuery(channel: WorkChannel, request: QueryRequest, resolver: AssetResolver): Promise<QueryResult> {
  const { names, listTables } = await channel.expect('names');
  const assets = listTables ? [] : await resolveAssets(names, resolver, request.asOf);
  if (listTables) channel.send({ kind: 'tables', names: await resolver.names() });
  else channel.send({ kind: 'assets', assets: assets.map(describe) });
  let message = await channel.next();
  if (message.kind === 'load') {
    for (const { asset: number, request: scan } of message.loads) {
      await sendRows(channel, number, assets[number]!.asset.scan(scan, { signal: channel.signal }));
    }
    message = await channel.next();
  }
  if (message.kind !== 'schema') throw outOfTurn(message.kind);
  return openResult(channel, message.bytes, assets);
}

const outOfTurn = (kind: string): GranaryError =>
  new GranaryError('INTERNAL', `The engine sent a message "${kind}" out of turn.`);

function describe({ viewName, asset }: ResolvedAsset): AssetMessage {
  const { name, storageFormat, schema, segments, segmentPath } = asset;
  const own = segmentPath
    ? segments.map(({ id, rowCount, columns }) => ({ id, rowCount, columns, path: segmentPath(id) }))
    : [];
  return {
    viewName,
    name,
    storageFormat,
    schema: schemaBytes(schema),
    rowCount: segments.reduce((sum, segment) => sum + segment.rowCount, 0),
    isSent: segmentPath === undefined,
    segments: own,
  };
}

const schemaBytes = (schema: Schema): Uint8Array => createIpcEncoder(schema).start();

function openResult(channel: WorkChannel, bytes: Uint8Array, assets: readonly ResolvedAsset[]): QueryResult {
  const { schema } = RecordBatchReader.from(bytes).open();
  let explanation: QueryExplanation | undefined;
  async function* batches(): AsyncGenerator<RecordBatch> {
    try {
      for (;;) {
        const message = await channel.next();
        if (message.kind === 'end') {
          ({ explanation } = message);
          return;
        }
        if (message.kind !== 'batch') throw outOfTurn(message.kind);
        channel.send({ kind: 'credit' });
        yield readBatch(bytes, message.bytes);
      }
    } finally {
      if (!explanation) channel.cancel();
    }
  }
  return {
    schema,
    assets: assets.map(({ asset: { id, name, version } }) => ({ id, name, version })),
    batches: batches(),
    explanation() {
      if (explanation) return explanation;
      throw new GranaryError('INTERNAL', 'A query explains itself once its rows have been read.');
    },
    async [Symbol.asyncDispose]() {
      if (!explanation) channel.cancel();
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
