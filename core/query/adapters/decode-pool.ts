import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { ScanColumn } from './scan-column.ts';
import type { ChunkTask } from './segment-reader.ts';
import { fromWireError, type WireError } from './wire-error.ts';

export interface DecodeThreadData {
  readonly port: MessagePort;
  /** Counts the answers of all threads. */
  readonly answered: Int32Array;
}

export interface DecodeOrder {
  readonly id: number;
  readonly task: ChunkTask;
}

export interface DecodeAnswer {
  readonly id: number;
  readonly column?: ScanColumn;
  readonly error?: WireError;
  readonly milliseconds: number;
}

/** `ready` comes first, once. */
export type DecodeMessage = DecodeAnswer | 'ready';

/** A chunk decoded, or the error it gave. */
export interface DecodeOutcome {
  readonly column: ScanColumn | undefined;
  readonly error: Error | undefined;
  readonly milliseconds: number;
}

/** Work ordered from the threads; `outcome` appears when it is done. */
export interface PendingDecode {
  outcome: DecodeOutcome | undefined;
  /** Set when the thread that had it died. */
  lost: boolean;
}

/** Decodes on threads of its own, for a caller that cannot await. */
export interface DecodePool {
  /** How many orders the threads hold at most. */
  readonly capacity: number;
  /** Starts the threads unless they run. They take orders once they have loaded the decoder, a fraction of a second. */
  start(): void;
  /** Gives an order to an idle thread; undefined when there is none, and the caller had better do the work itself. */
  order(task: ChunkTask): PendingDecode | undefined;
  /** Takes what the threads have finished; called often, and never waits. */
  collect(): void;
  /** Sleeps until a thread has answered, at most `milliseconds`; the thread of the caller stands still meanwhile. */
  waitForAnswer(milliseconds: number): void;
  close(): Promise<void>;
}

/** One order is worked on while the next waits at hand. */
const ORDERS_PER_THREAD = 2;

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly pending: Map<number, PendingDecode>;
  isReady: boolean;
}

const WORKER_URL = new URL('./decode.worker.ts', import.meta.url);

export function createDecodePool(threadCount: number): DecodePool {
  const answered = new Int32Array(new SharedArrayBuffer(4));
  let threads: Thread[] = [];
  let started = false;
  let seen = 0;
  let nextId = 0;

  const settle = (thread: Thread, message: DecodeMessage): void => {
    if (message === 'ready') {
      thread.isReady = true;
      return;
    }
    const { id, column, error, milliseconds } = message;
    const pending = thread.pending.get(id);
    thread.pending.delete(id);
    if (pending) pending.outcome = { column, error: error && fromWireError(error), milliseconds };
  };

  const lose = (thread: Thread): void => {
    threads = threads.filter((other) => other !== thread);
    for (const pending of thread.pending.values()) pending.lost = true;
    thread.pending.clear();
  };

  const startThread = (): Thread => {
    const { port1, port2 } = new MessageChannel();
    const workerData: DecodeThreadData = { port: port2, answered };
    const worker = new Worker(WORKER_URL, { workerData, transferList: [port2] });
    const thread: Thread = { worker, port: port1, pending: new Map(), isReady: false };
    worker.unref();
    port1.on('message', (message: DecodeMessage) => settle(thread, message));
    port1.unref();
    worker.on('error', () => lose(thread));
    worker.on('exit', () => lose(thread));
    return thread;
  };

  const collect = (): void => {
    for (const thread of threads) {
      for (;;) {
        const received = receiveMessageOnPort(thread.port) as { message: DecodeMessage } | undefined;
        if (!received) break;
        settle(thread, received.message);
      }
    }
  };

  return {
    capacity: threadCount * ORDERS_PER_THREAD,
    start() {
      if (started) return;
      started = true;
      threads = Array.from({ length: threadCount }, startThread);
    },
    order(task) {
      const idle = threads.filter((thread) => thread.isReady && thread.pending.size < ORDERS_PER_THREAD);
      const [thread] = idle.toSorted((a, b) => a.pending.size - b.pending.size);
      if (!thread) return undefined;
      const pending: PendingDecode = { outcome: undefined, lost: false };
      const id = nextId++;
      thread.pending.set(id, pending);
      const order: DecodeOrder = { id, task };
      thread.port.postMessage(order);
      return pending;
    },
    collect,
    waitForAnswer(milliseconds) {
      Atomics.wait(answered, 0, seen, milliseconds);
      seen = Atomics.load(answered, 0);
      collect();
    },
    async close() {
      const all = threads;
      threads = [];
      await Promise.all(all.map((thread) => thread.worker.terminate()));
    },
  };
}
