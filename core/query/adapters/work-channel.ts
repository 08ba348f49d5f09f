import type { MessagePort } from 'node:worker_threads';
import type { FromWork, ToWork } from './query-messages.ts';
import { fromWireError } from './wire-error.ts';

/** The node's end of a piece of work in the engine's thread. */
export interface WorkChannel {
  send(message: ToWork, transfer?: ArrayBuffer[]): void;
  /** The next message. Errors: the one that ended the work. */
  next(): Promise<FromWork>;
  /** Resolves once the work is over, however it ended. */
  readonly ended: Promise<void>;
}

export function openWorkChannel(port: MessagePort, died: Promise<never>): WorkChannel {
  const arrived: FromWork[] = [];
  const end = Promise.withResolvers<void>();
  let failure: unknown;
  let taker: PromiseWithResolvers<FromWork> | undefined;
  const fail = (error: unknown) => {
    failure ??= error;
    taker?.reject(failure);
    taker = undefined;
    end.resolve();
  };
  port.on('message', (message: FromWork) => {
    if (message.kind === 'error') fail(fromWireError(message.error));
    else if (taker) {
      taker.resolve(message);
      taker = undefined;
    } else arrived.push(message);
  });
  port.on('close', () => end.resolve());
  died.catch(fail);
  return {
    send: (message, transfer = []) => port.postMessage(message, transfer),
    next() {
      const message = arrived.shift();
      if (message) return Promise.resolve(message);
      if (failure !== undefined) return Promise.reject(failure);
      taker = Promise.withResolvers<FromWork>();
      return taker.promise;
    },
    ended: end.promise,
  };
}
