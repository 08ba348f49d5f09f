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
  /** Orders given and not yet answered that the pool takes without queueing for long. */
  readonly capacity: number;
  readonly pendingCount: number;
  order(task: ChunkTask): PendingDecode;
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
}

const WORKER_URL = new URL('./decode.worker.ts', import.meta.url);

/** Starts the threads at once: they load the decoder while the engine plans. */
export function createDecodePool(threadCount: number): DecodePool {
  const answered = new Int32Array(new SharedArrayBuffer(4));
  let seen = 0;
  let nextId = 0;

  const settle = (thread: Thread, { id, column, error, milliseconds }: DecodeAnswer): void => {
    const pending = thread.pending.get(id);
    thread.pending.delete(id);
    if (pending) pending.outcome = { column, error: error && fromWireError(error), milliseconds };
  };

  const lose = (thread: Thread): void => {
    threads = threads.filter((other) => other !== thread);
    for (const pending of thread.pending.values()) pending.lost = true;
    thread.pending.clear();
  };

  const start = (): Thread => {
    const { port1, port2 } = new MessageChannel();
    const workerData: DecodeThreadData = { port: port2, answered };
    const worker = new Worker(WORKER_URL, { workerData, transferList: [port2] });
    const thread: Thread = { worker, port: port1, pending: new Map() };
    worker.unref();
    port1.on('message', (answer: DecodeAnswer) => settle(thread, answer));
    port1.unref();
    worker.on('error', () => lose(thread));
    worker.on('exit', () => lose(thread));
    return thread;
  };

  let threads: Thread[] = Array.from({ length: threadCount }, start);

  const collect = (): void => {
    for (const thread of threads) {
      for (;;) {
        const received = receiveMessageOnPort(thread.port) as { message: DecodeAnswer } | undefined;
        if (!received) break;
        settle(thread, received.message);
      }
    }
  };

  return {
    capacity: threadCount * ORDERS_PER_THREAD,
    get pendingCount() {
      return threads.reduce((sum, thread) => sum + thread.pending.size, 0);
    },
    order(task) {
      const pending: PendingDecode = { outcome: undefined, lost: false };
      const [idlest] = threads.toSorted((a, b) => a.pending.size - b.pending.size);
      if (!idlest) return { outcome: undefined, lost: true };
      const id = nextId++;
      idlest.pending.set(id, pending);
      const order: DecodeOrder = { id, task };
      idlest.port.postMessage(order);
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
