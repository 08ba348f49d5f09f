import type { Clock } from '#core/kernel/index.ts';
import type { FrameChannel } from '#sync/reconcile/index.ts';
import type { Wait } from '#core/kernel/index.ts';
import type { PeerStream } from '#sync/transport/index.ts';

export interface WatchDeps {
  readonly clock: Clock;
  readonly wait: Wait;
}

/** The line of one session. */
export interface WatchedChannel extends FrameChannel {
  /**
   * Resolves once the other side has neither said nor taken anything for `silenceMs` milliseconds; ends with the signal.
   */
  whenSilent(silenceMs: number, signal: AbortSignal): Promise<void>;
}

/** A stream as the channel of a session, which may be followed by others: its end is not that of the stream. */
export function watchChannel({ clock, wait }: WatchDeps, stream: Pick<PeerStream, 'send' | 'frames'>): WatchedChannel {
  let heardAt = clock.monotonic();
  const heard = () => {
    heardAt = clock.monotonic();
  };
  return {
    async send(frame) {
      await stream.send(frame);
      heard();
    },
    async *receive() {
      for await (const frame of stream.frames) {
        heard();
        yield frame;
      }
    },
    close: async () => undefined,
    async whenSilent(silenceMs, signal) {
      for (let rest = silenceMs; rest > 0; rest = heardAt + silenceMs - clock.monotonic()) await wait(rest, { signal });
    },
  };
}
