import { toHex } from '#core/kernel/index.ts';
import type { SessionStream } from './session-stream.ts';

/** The streams over which no session runs and the next one can: one for each device at most. */
export interface KeptStreams {
  /** Takes the stream to a device out, for a session. */
  take(device: string): SessionStream | undefined;
  /** Keeps a stream whose session has ended completely; one that is of no use is closed. */
  keep(stream: SessionStream): void;
  /** Ends all of them, and keeps none any more. */
  close(): void;
}

export function createKeptStreams(): KeptStreams {
  const kept = new Map<string, SessionStream>();
  let isClosed = false;
  return {
    take(device) {
      const stream = kept.get(device);
      kept.delete(device);
      return stream;
    },
    keep(stream) {
      const device = toHex(stream.peer);
      // A line over a relay is given up for a direct one once nothing uses it.
      if (isClosed || stream.isLimited || kept.has(device)) {
        void stream.close();
        return;
      }
      kept.set(device, stream);
      const drop = (): void => {
        // By then it may have been taken for a session, whose affair this is.
        if (kept.get(device) !== stream) return;
        kept.delete(device);
        void stream.close();
      };
      // The other side has closed it, or speaks out of turn.
      stream.hasMore().then(drop, drop);
    },
    close() {
      isClosed = true;
      for (const stream of kept.values()) stream.abort();
      kept.clear();
    },
  };
}
