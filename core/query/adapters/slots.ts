import { type AbortOptions, raceAbort } from '#core/kernel/index.ts';

/** A counted number of places; whoever finds none waits for its turn. */
export interface Slots {
  /** Errors: `CANCELLED`. */
  acquire(options: AbortOptions): Promise<() => void>;
}

export function createSlots(count: number): Slots {
  const waiting: (() => void)[] = [];
  let free = count;
  const release = () => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  /** A place is given back once, however often it is released. */
  const once = () => {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      release();
    };
  };
  return {
    async acquire({ signal }) {
      if (free > 0) {
        free -= 1;
        return once();
      }
      const turn = Promise.withResolvers<void>();
      waiting.push(turn.resolve);
      await raceAbort(turn.promise, signal, release);
      return once();
    },
  };
}
