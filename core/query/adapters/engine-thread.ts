import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { GranaryError } from '#core/kernel/index.ts';
import type { EngineOrder, EngineThreadData } from './query-messages.ts';

/** The thread of the engine, seen from the node's side. */
export interface EngineThread {
  /** Starts a piece of work and returns the node's end of its channel. */
  send(order: (port: MessagePort) => EngineOrder): MessagePort;
  /** Rejects when the thread dies; never resolves. */
  readonly died: Promise<never>;
  /** Gives up on the thread: it takes no more work, and ends by itself once what it does is done. */
  retire(): void;
  /** Lets it finish, and waits at most `milliseconds`. */
  close(milliseconds: number): Promise<void>;
  /** False while it runs, also when it was given up. */
  readonly hasEnded: boolean;
}

const WORKER_URL = new URL('./duckdb.worker.ts', import.meta.url);

/**
 * Starts the thread. It is never terminated from outside: that would abort the process while the engine is within a
 * callback. A thread that does not end is left behind, and does not keep the process alive.
 */
export function startEngineThread(data: EngineThreadData): EngineThread {
  const worker = new Worker(WORKER_URL, { workerData: data });
  worker.unref();
  const death = Promise.withResolvers<never>();
  const ended = Promise.withResolvers<void>();
  let hasEnded = false;
  death.promise.catch(() => undefined);
  worker.on('error', (cause) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    death.reject(new GranaryError('QUERY_FAILED', `The engine's thread died: ${why}`, {}, { cause }));
  });
  worker.on('exit', () => {
    death.reject(new GranaryError('QUERY_FAILED', "The engine's thread ended during the query."));
    hasEnded = true;
    ended.resolve();
  });
  return {
    died: death.promise,
    send(order) {
      const { port1, port2 } = new MessageChannel();
      worker.postMessage(order(port2), [port2]);
      return port1;
    },
    retire() {
      worker.postMessage({ kind: 'close' } satisfies EngineOrder);
    },
    get hasEnded() {
      return hasEnded;
    },
    async close(milliseconds) {
      worker.ref();
      worker.postMessage({ kind: 'close' } satisfies EngineOrder);
      const timeout = Promise.withResolvers<void>();
      const timer = setTimeout(timeout.resolve, milliseconds);
      await Promise.race([ended.promise, timeout.promise]);
      clearTimeout(timer);
      worker.unref();
    },
  };
}
