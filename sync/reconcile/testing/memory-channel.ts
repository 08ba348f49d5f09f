import { GranaryError } from '#core/kernel/index.ts';
import type { FrameChannel } from '../ports.ts';

/** Frames that one side may be ahead of the reader. */
const QUEUED_FRAMES_MAX = 16;

/** One end of a line. Its time counts the crossings of the line that had to happen before now. */
export interface MemoryChannel extends FrameChannel {
  readonly crossings: number;
}

export interface MemoryLineOptions {
  /** Called for each frame before it goes; returns what arrives in its place. Throws to break the line. */
  readonly disturb?: (frame: Uint8Array, from: 0 | 1) => readonly Uint8Array[];
}

interface Message {
  readonly frame: Uint8Array;
  readonly crossings: number;
}

/** Two ends of a line in memory: reliable and in order, unless `disturb` says otherwise. */
export function createMemoryLine({ disturb }: MemoryLineOptions = {}): readonly [MemoryChannel, MemoryChannel] {
  const queues: [Message[], Message[]] = [[], []];
  const closed: [boolean, boolean] = [false, false];
  const times: [number, number] = [0, 0];
  let broken = false;
  let changed = Promise.withResolvers<void>();
  const wake = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const end = (me: 0 | 1): MemoryChannel => {
    const other = me === 0 ? 1 : 0;
    return {
      get crossings() {
        return times[me];
      },
      async send(frame) {
        while (queues[other].length >= QUEUED_FRAMES_MAX && !broken && !closed[other]) await changed.promise;
        if (broken || closed[me]) throw new GranaryError('SYNC_INTERRUPTED', 'The line is closed.');
        let arriving: readonly Uint8Array[] = [frame];
        try {
          arriving = disturb?.(frame, me) ?? arriving;
        } catch {
          broken = true;
        }
        if (!broken) for (const each of arriving) queues[other].push({ frame: each, crossings: times[me] + 1 });
        wake();
      },
      async *receive() {
        for (;;) {
          const message = queues[me].shift();
          if (message) {
            times[me] = Math.max(times[me], message.crossings);
            wake();
            yield message.frame;
          } else if (broken || closed[other]) return;
          else await changed.promise;
        }
      },
      async close() {
        closed[me] = true;
        wake();
      },
    };
  };
  return [end(0), end(1)];
}
