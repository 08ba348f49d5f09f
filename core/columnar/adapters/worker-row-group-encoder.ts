import { Worker } from 'node:worker_threads';
import type { RecordBatch } from 'apache-arrow';
import { type ErrorCode, type ErrorDetails, GranaryError, raceAbort, throwIfAborted } from '#core/kernel/index.ts';
import { checkLimits } from '../encode-row-group.ts';
import type { RowGroupEncoder } from '../row-group-encoder.ts';
import type { EncodedRowGroup } from '../segment-header.ts';
import { batchToMessage } from './batch-message.ts';

/** What a worker sends back for each batch. */
export type WorkerAnswer =
  | { readonly rowGroup: EncodedRowGroup }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails } };

/** Batches that may wait for each thread; more are a caller that does not wait for its answers. */
export const WAITING_PER_THREAD_MAX = 16;

interface Thread {
  readonly worker: Worker;
  /** Settles the work under way; undefined while idle. */
  current: PromiseWithResolvers<EncodedRowGroup> | undefined;
}

const WORKER_URL = new URL('./row-group.worker.ts', import.meta.url);

const closed = () => new GranaryError('CANCELLED', 'The encoder was closed.');

/**
 * Encodes on worker threads. Threads start when they are first needed; one that dies fails the row group it had and is
 * replaced by the next. Closing it cancels everything.
 */
export const createWorkerRowGroupEncoder = ({ threadCount }: { readonly threadCount: number }): RowGroupEncoder =>
  createThreadedEncoder(threadCount, () => new Worker(WORKER_URL));

/** The same with threads of any making that answer a `BatchMessage` with a {@link WorkerAnswer}. */
export function createThreadedEncoder(threadCount: number, startWorker: () => Worker): RowGroupEncoder {
  const threads = new Set<Thread>();
  const waiting: (() => void)[] = [];
  let open = true;

  const wakeNext = () => waiting.shift()?.();

  const fail = (thread: Thread, cause: unknown) => {
    threads.delete(thread);
    const why = cause instanceof Error ? cause.message : `it ended with code ${String(cause)}`;
    thread.current?.reject(new GranaryError('INTERNAL', `A thread that encodes died: ${why}.`, {}, { cause }));
    thread.current = undefined;
    wakeNext();
  };

  const start = (): Thread => {
    const thread: Thread = { worker: startWorker(), current: undefined };
    // An idle encoder must not keep the process alive.
    thread.worker.unref();
    thread.worker.on('message', (answer: WorkerAnswer) => {
      const { current } = thread;
      thread.current = undefined;
      if ('rowGroup' in answer) current?.resolve(answer.rowGroup);
      else current?.reject(new GranaryError(answer.error.code, answer.error.message, answer.error.details));
      wakeNext();
    });
    thread.worker.on('error', (error) => fail(thread, error));
    thread.worker.on('exit', (code) => threads.has(thread) && fail(thread, code));
    threads.add(thread);
    return thread;
  };

  const idleThread = (): Thread | undefined => {
    for (const thread of threads) if (!thread.current) return thread;
    return threads.size < threadCount ? start() : undefined;
  };

  /** An idle thread, with `work` as what it does from now on. */
  const acquire = async (work: Thread['current'], signal: AbortSignal | undefined): Promise<Thread> => {
    // A newcomer does not overtake those who wait; one whose turn has come does not queue behind them again.
    for (let called = false; ; called = true) {
      if (!open) throw closed();
      const thread = called || waiting.length === 0 ? idleThread() : undefined;
      if (thread) {
        thread.current = work;
        return thread;
      }
      if (waiting.length >= threadCount * WAITING_PER_THREAD_MAX) {
        throw new GranaryError('LIMIT_EXCEEDED', 'Too many row groups wait for the encoder.', {
          limit: threadCount * WAITING_PER_THREAD_MAX,
        });
      }
      const turn = Promise.withResolvers<void>();
      waiting.push(turn.resolve);
      await raceAbort(turn.promise, signal, wakeNext);
    }
  };

  return {
    threadCount,
    async encode(batch: RecordBatch, { signal, owned = false, bounded } = {}) {
      throwIfAborted(signal);
      checkLimits(batch.schema.fields.length, batch.numRows);
      const work = Promise.withResolvers<EncodedRowGroup>();
      const thread = await acquire(work, signal);
      try {
        const { message, transfer } = batchToMessage(batch, owned);
        thread.worker.postMessage({ ...message, bounded }, transfer);
      } catch (error) {
        thread.current = undefined;
        wakeNext();
        throw error;
      }
      // The thread finishes a cancelled row group, a fraction of a second, and takes the next then.
      return raceAbort(work.promise, signal);
    },
    async [Symbol.asyncDispose]() {
      open = false;
      for (const wake of waiting.splice(0)) wake();
      const all = [...threads];
      threads.clear();
      for (const thread of all) thread.current?.reject(closed());
      await Promise.all(all.map((thread) => thread.worker.terminate()));
    },
  };
}
