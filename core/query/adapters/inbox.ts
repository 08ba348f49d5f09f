import type { MessagePort } from 'node:worker_threads';
import { GranaryError } from '#core/kernel/index.ts';
import type { ToWork } from './query-messages.ts';

/** Messages to one piece of work, taken in order when the work is ready for them. */
export interface Inbox {
  /** The next message. Errors: `CANCELLED`. */
  next(): Promise<ToWork>;
  readonly cancelled: boolean;
  /** Stops listening; the work is over. */
  close(): void;
}

/** An interrupt that comes just before the engine starts to run is lost, so it is repeated until the work has ended. */
const INTERRUPT_MILLISECONDS = 50;

/** Listens on the port; `interrupt` is called when the message to cancel arrives, whatever the work is at, and
 * again and again until the work closes the inbox. */
export function openInbox(port: MessagePort, interrupt: () => void): Inbox {
  const waiting: ToWork[] = [];
  let taker: PromiseWithResolvers<ToWork> | undefined;
  let cancelled = false;
  let closed = false;
  let repeat: NodeJS.Timeout | undefined;
  const cancel = () => {
    if (cancelled || closed) return;
    cancelled = true;
    taker?.reject(new GranaryError('CANCELLED', 'The query was cancelled.'));
    taker = undefined;
    interrupt();
    repeat = setInterval(interrupt, INTERRUPT_MILLISECONDS);
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
    close() {
      closed = true;
      clearInterval(repeat);
      port.close();
    },
  };
}
