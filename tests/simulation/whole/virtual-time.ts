import { GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import type { Wait } from '#core/kernel/index.ts';

/** Time that passes only when it is told to; everything that waits for it runs in the order of its time. */
export interface VirtualTime {
  /** Milliseconds since the start. */
  readonly now: number;
  readonly wait: Wait;
  /** Lets so many milliseconds pass, with all that happens in them. */
  pass(milliseconds: number): Promise<void>;
  /** Lets time pass until the work is done. Throws when it is not within `milliseconds`. */
  during<T>(work: Promise<T>, milliseconds: number): Promise<T>;
}

interface Timer {
  readonly at: number;
  readonly ring: () => void;
}

export function createVirtualTime(): VirtualTime {
  let now = 0;
  /** The latest first, so that the next one is taken off the end. */
  const timers: Timer[] = [];

  function add(timer: Timer): void {
    let [low, high] = [0, timers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (timers[middle]!.at <= timer.at) high = middle;
      else low = middle + 1;
    }
    timers.splice(low, 0, timer);
  }

  const wait: Wait = (milliseconds, { signal }) =>
    new Promise((resolve, reject) => {
      throwIfAborted(signal);
      const onAbort = () => {
        const place = timers.indexOf(timer);
        if (place >= 0) timers.splice(place, 1);
        reject(new GranaryError('CANCELLED', 'The wait was cancelled.'));
      };
      const timer = {
        at: now + Math.max(0, milliseconds),
        ring: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      add(timer);
    });

  async function step(until: number): Promise<boolean> {
    await whenNothingMoves();
    const next = timers.at(-1);
    if (!next || next.at > until) return false;
    now = next.at;
    while (timers.at(-1)?.at === now) timers.pop()!.ring();
    return true;
  }

  return {
    get now() {
      return now;
    },
    wait,
    async pass(milliseconds) {
      const end = now + milliseconds;
      while (await step(end));
      now = end;
    },
    async during(work, milliseconds) {
      let isDone = false;
      const done = work.finally(() => (isDone = true));
      done.catch(() => undefined);
      const end = now + milliseconds;
      await whenNothingMoves();
      while (!isDone && (await step(end)));
      await whenNothingMoves();
      if (!isDone) throw new Error(`Something is not done after ${milliseconds / 1000} simulated seconds.`);
      return done;
    },
  };
}

/** Nothing here waits for the machine, so that one turn of its loop later all that can happen now has happened. */
const whenNothingMoves = () => new Promise<void>((resolve) => setImmediate(resolve));
