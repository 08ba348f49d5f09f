import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { GranaryError } from '#core/kernel/index.ts';
import type { RowGroupTask } from './decoded/row-group-file.ts';
import type { ScanColumn } from './scan-column.ts';
import type { ChunkTask } from './segment-reader.ts';
import { fromWireError, type WireError } from './wire-error.ts';

export interface DecodeThreadData {
  readonly port: MessagePort;
  /** Counts the answers of all threads. */
  readonly answered: Int32Array;
}

/** One column to be handed over, or some columns of a row group to be written to a file. */
export type DecodeTask =
  | { readonly kind: 'chunk'; readonly chunk: ChunkTask }
  | { readonly kind: 'row group'; readonly rowGroup: RowGroupTask };

export interface DecodeOrder {
  readonly id: number;
  readonly task: DecodeTask;
}

export interface DecodeAnswer {
  readonly id: number;
  readonly column?: ScanColumn;
  /** Of the file. */
  readonly byteCount?: number;
  readonly error?: WireError;
  readonly milliseconds: number;
}

/** `ready` comes first, once. */
export type DecodeMessage = DecodeAnswer | 'ready';

/** What was decoded, or the error it gave. */
export interface DecodeOutcome {
  readonly column: ScanColumn | undefined;
  readonly byteCount: number | undefined;
  readonly error: Error | undefined;
  readonly milliseconds: number;
}

/** Work ordered from the threads; `outcome` appears when it is done. */
export interface PendingDecode {
  outcome: DecodeOutcome | undefined;
  /** Set when the thread that had it died. */
  lost: boolean;
  /** Called when the outcome is there, for whoever has stopped waiting. */
  onSettled?: () => void;
}

/** A thread that has not answered for so long is taken to be stuck, and its work is done elsewhere. */
const ANSWER_MILLISECONDS_MAX = 5000;

/** How often a sleeping caller looks whether its query was cancelled. */
const CANCEL_CHECK_MILLISECONDS = 20;

/** Decodes on threads of its own, for a caller that cannot await. */
export interface DecodePool {
  /** How many orders the threads hold at most. */
  readonly capacity: number;
  /** Starts the threads unless they run. They take orders once they have loaded the decoder, a fraction of a second. */
  start(): void;
  /** Gives an order to an idle thread; undefined when there is none, and the caller had better do the work itself. */
  order(task: DecodeTask): PendingDecode | undefined;
  /** Takes what the threads have finished; called often, and never waits. */
  collect(): void;
  /**
   * Sleeps until the order is done; the thread of the caller stands still meanwhile. Undefined when the thread that had
   * it was lost or is stuck. Errors: the one that the work gave, `CANCELLED`.
   *
   * @param onAnswer called whenever a thread has answered: it may take the next order
   */
  finish(pending: PendingDecode, isCancelled: () => boolean, onAnswer?: () => void): DecodeOutcome | undefined;
  close(): Promise<void>;
}

/** With fewer values to decode, starting the threads takes longer than the work. */
export const THREADED_VALUES_MIN = 2 ** 22;

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
    const { id, column, byteCount, error, milliseconds } = message;
    const pending = thread.pending.get(id);
    thread.pending.delete(id);
    if (!pending) return;
    pending.outcome = { column, byteCount, error: error && fromWireError(error), milliseconds };
    pending.onSettled?.();
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
    finish(pending, isCancelled, onAnswer) {
      const patience = Math.ceil(ANSWER_MILLISECONDS_MAX / CANCEL_CHECK_MILLISECONDS);
      collect();
      for (let waits = 0; !pending.outcome && !pending.lost && waits < patience; waits++) {
        if (isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
        Atomics.wait(answered, 0, seen, CANCEL_CHECK_MILLISECONDS);
        seen = Atomics.load(answered, 0);
        collect();
        onAnswer?.();
      }
      if (pending.outcome?.error) throw pending.outcome.error;
      return pending.outcome;
    },
    async close() {
      const all = threads;
      threads = [];
      await Promise.all(all.map((thread) => thread.worker.terminate()));
    },
  };
}
