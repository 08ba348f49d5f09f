import type { Worker } from 'node:worker_threads';
import { createMutex, GranaryError } from '#core/kernel/index.ts';
import type { Folded, FoldOperations, Judge, LogPiece, ReplicaExchange } from '../fold-operations.ts';
import { type FromFoldThread, packBytes, type PieceMessage, type ToFoldThread, unpackBytes } from './fold-messages.ts';

/** A thread that folds operations. */
export interface FoldThread extends AsyncDisposable {
  /**
   * As on the thread of the node. A thread that dies fails the batch it had, and the next batch starts another. Errors:
   * `STORE_DAMAGED`, `CANCELLED` once it is closed, `INTERNAL` when the thread died, those of the exchange.
   */
  readonly fold: FoldOperations;
}

interface Running {
  readonly worker: Worker;
  /** Who judged the last batch. */
  judge: Judge | undefined;
  /** Hears what it says, or that it died. */
  hear: (message: FromFoldThread | GranaryError) => void;
}

const closed = () => new GranaryError('CANCELLED', 'The thread that folds operations was closed.');

/** Starts the thread with the first batch; in it runs `answerFolds`. */
export function createFoldThread(startWorker: () => Worker): FoldThread {
  const oneAtATime = createMutex();
  let running: Running | undefined;
  let isOpen = true;

  function start(): Running {
    const thread: Running = { worker: startWorker(), judge: undefined, hear: () => undefined };
    const die = (cause: unknown) => {
      if (running === thread) running = undefined;
      const why = cause instanceof Error ? cause.message : `it ended with code ${String(cause)}`;
      thread.hear(new GranaryError('INTERNAL', `The thread that folds operations died: ${why}.`, {}, { cause }));
    };
    // An idle thread must not keep the process alive.
    thread.worker.unref();
    thread.worker.on('message', (message: FromFoldThread) => thread.hear(message));
    thread.worker.on('error', die);
    thread.worker.on('exit', die);
    return thread;
  }

  /** The state of a thread whose batch came to nothing is not known. */
  async function drop(thread: Running): Promise<void> {
    if (running === thread) running = undefined;
    thread.hear = () => undefined;
    await thread.worker.terminate();
  }

  async function foldOn(
    thread: Running,
    judge: Judge,
    pieces: readonly LogPiece[],
    exchange: ReplicaExchange,
  ): Promise<Folded> {
    const outcome = Promise.withResolvers<Folded>();
    const send = (message: ToFoldThread, transfer: ArrayBuffer[]) => thread.worker.postMessage(message, transfer);
    const answer = async (message: FromFoldThread): Promise<void> => {
      if (message.kind === 'wanted') {
        const replicas = packBytes(await exchange.read(message.assets));
        send({ kind: 'replicas', replicas }, [replicas.bytes.buffer]);
      } else if (message.kind === 'folded') {
        const replicas = unpackBytes(message.replicas);
        exchange.take(message.assets.map((asset, i) => ({ ...asset, replica: replicas[i]! })));
      } else if (message.kind === 'done') {
        outcome.resolve(message.folded);
      } else {
        throw new GranaryError(message.code, message.message, message.details);
      }
    };
    thread.hear = (message) => {
      if (message instanceof GranaryError) outcome.reject(message);
      else answer(message).catch(outcome.reject);
    };
    const { record, genesisId, control, keyring } = judge;
    const isNew = thread.judge !== judge;
    thread.judge = judge;
    const packed = pieces.map((piece): PieceMessage => ({ ...piece, operations: packBytes(piece.operations) }));
    send(
      { kind: 'fold', judge: isNew ? { space: record.space, genesisId, control, keyring } : undefined, pieces: packed },
      packed.map(({ operations }) => operations.bytes.buffer),
    );
    // It must stay alive while it is waited for.
    thread.worker.ref();
    try {
      return await outcome.promise;
    } finally {
      thread.worker.unref();
    }
  }

  return {
    fold: (judge, pieces, exchange) =>
      oneAtATime(async () => {
        if (!isOpen) throw closed();
        const thread = (running ??= start());
        try {
          return await foldOn(thread, judge, pieces, exchange);
        } catch (error) {
          await drop(thread);
          throw error;
        }
      }),
    async [Symbol.asyncDispose]() {
      isOpen = false;
      const thread = running;
      if (!thread) return;
      thread.hear(closed());
      await drop(thread);
    },
  };
}
