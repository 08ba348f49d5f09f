import { GranaryError, raceAbort } from '#core/kernel/index.ts';
import type { EngineThread } from './engine-thread.ts';
import type { EngineOrder, FromWork, ToWork } from './query-messages.ts';
import { fromWireError } from './wire-error.ts';
import type { MessagePort } from 'node:worker_threads';

/** The node's end of a piece of work in the engine's thread. */
export interface WorkChannel {
  send(message: ToWork, transfer?: ArrayBuffer[]): void;
  /** The next message. Errors: the one that ended the work, `CANCELLED` when the caller's signal fires. */
  next(): Promise<FromWork>;
  /** The next message, which must be of this kind. */
  expect<Kind extends FromWork['kind']>(kind: Kind): Promise<Extract<FromWork, { kind: Kind }>>;
  /** Stops the work; `ended` tells when it has stopped. */
  cancel(): void;
  /** Fires when the work is cancelled, by the caller's signal or by `cancel`. */
  readonly signal: AbortSignal;
  /** Resolves once the work is over, however it ended. */
  readonly ended: Promise<void>;
}

export interface WorkChannelOptions {
  readonly thread: EngineThread;
  readonly order: (port: MessagePort, cancelled: Int32Array) => EngineOrder;
  readonly signal: AbortSignal | undefined;
  /** How long cancelled work may take to end before `onStuck` is called. */
  readonly cancelMilliseconds: number;
  readonly onStuck: () => void;
}

/** Starts a piece of work and keeps hold of it. */
export function openWorkChannel(options: WorkChannelOptions): WorkChannel {
  const { thread, order, signal, cancelMilliseconds, onStuck } = options;
  const cancelled = new Int32Array(new SharedArrayBuffer(4));
  const port = thread.send((workPort) => order(workPort, cancelled));
  const arrived: FromWork[] = [];
  const end = Promise.withResolvers<void>();
  const aborter = new AbortController();
  let failure: unknown;
  let taker: PromiseWithResolvers<FromWork> | undefined;

  const fail = (error: unknown) => {
    failure ??= error;
    taker?.reject(failure);
    taker = undefined;
    end.resolve();
  };
  const cancel = () => {
    if (aborter.signal.aborted) return;
    Atomics.store(cancelled, 0, 1);
    port.postMessage({ kind: 'cancel' } satisfies ToWork);
    aborter.abort(new GranaryError('CANCELLED', 'The work was cancelled.'));
    const giveUp = () => {
      onStuck();
      fail(new GranaryError('CANCELLED', 'The work was cancelled and did not end; it was left behind.'));
    };
    const timer = setTimeout(giveUp, cancelMilliseconds);
    void end.promise.then(() => clearTimeout(timer));
  };

  port.on('message', (message: FromWork) => {
    if (message.kind === 'error') fail(fromWireError(message.error));
    else if (taker) {
      taker.resolve(message);
      taker = undefined;
    } else arrived.push(message);
  });
  port.on('close', () => fail(new GranaryError('INTERNAL', 'The engine ended its work without a word.')));
  // A thread that ends because it was closed takes its last words with it.
  thread.died.catch((error: unknown) => fail(aborter.signal.aborted ? aborter.signal.reason : error));
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted) cancel();
  void end.promise.then(() => {
    signal?.removeEventListener('abort', cancel);
    port.close();
  });

  const next = (): Promise<FromWork> => {
    const message = arrived.shift();
    if (message) return Promise.resolve(message);
    if (failure !== undefined) return Promise.reject(failure);
    taker = Promise.withResolvers<FromWork>();
    return taker.promise;
  };
  return {
    send: (message, transfer = []) => port.postMessage(message, transfer),
    next: () => raceAbort(next(), signal),
    async expect(kind) {
      const message = await raceAbort(next(), signal);
      if (message.kind !== kind) {
        throw new GranaryError('INTERNAL', `The engine sent a message "${message.kind}" out of turn.`);
      }
      return message as Extract<FromWork, { kind: typeof kind }>;
    },
    cancel,
    signal: aborter.signal,
    ended: end.promise,
  };
}
