import type { MessagePort } from 'node:worker_threads';
import { GranaryError } from '#core/kernel/index.ts';
import type { ToWork } from './query-messages.ts';

/** Messages to one piece of work, taken in order when the work is ready for them. */
export interface Inbox {
  /** The next message. Errors: `CANCELLED`. */
  next(): Promise<ToWork>;
  readonly cancelled: boolean;
}

/** Listens on the port; `onCancel` is called as soon as the message arrives, whatever the work is at. */
export function openInbox(port: MessagePort, onCancel: () => void): Inbox {
  const waiting: ToWork[] = [];
  let taker: PromiseWithResolvers<ToWork> | undefined;
  let cancelled = false;
  const cancel = () => {
    if (cancelled) return;
    cancelled = true;
    taker?.reject(new GranaryError('CANCELLED', 'The query was cancelled.'));
    taker = undefined;
    onCancel();
  };
  port.on('message', (message: ToWork) => {
    if (message.kind === 'cancel') cancel();
    else if (taker) {
      taker.resolve(message);
      taker = undefined;
    } else waiting.push(message);
  });
  // The other side is gone: nobody wants the result.
  port.on('close', cancel);
  return {
    next() {
      if (cancelled) return Promise.reject(new GranaryError('CANCELLED', 'The query was cancelled.'));
      const message = waiting.shift();
      if (message) return Promise.resolve(message);
      taker = Promise.withResolvers<ToWork>();
      return taker.promise;
    },
    get cancelled() {
      return cancelled;
    },
  };
}
