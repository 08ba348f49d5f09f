import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import type { PeerStream } from '#sync/transport/index.ts';
import { type WatchDeps, watchChannel, type WatchedChannel } from './watched-channel.ts';

const BINDING_LABEL = toUtf8('granary session binding 1\0');

/**
 * What only the two ends of a stream know of its session with this number, from 0. It counts, so that two sessions differ
 * even if their nonces should ever be alike; the first one has the binding of the stream.
 */
export const sessionBinding = (blake3: Blake3, streamBinding: Uint8Array, number: number): Uint8Array =>
  number === 0 ? streamBinding : blake3(concatBytes([BINDING_LABEL, streamBinding, toUtf8(`${number}`)]));

export interface SessionStreamDeps extends WatchDeps {
  readonly blake3: Blake3;
}

/** A stream over which sessions run one after another; who opened it begins each of them. */
export interface SessionStream {
  readonly peer: Uint8Array;
  readonly isLimited: boolean;
  /** True once something has come that no session has read; false when nothing will come any more. */
  hasMore(): Promise<boolean>;
  /** The line of the next session, to be called when the one before has ended completely. Closing it leaves the stream. */
  nextSession(): { readonly channel: WatchedChannel; readonly binding: Uint8Array };
  /** As those of the stream. */
  close(): Promise<void>;
  abort(): void;
}

export function openSessionStream(deps: SessionStreamDeps, stream: PeerStream): SessionStream {
  const frames = stream.frames[Symbol.asyncIterator]();
  let coming: Promise<IteratorResult<Uint8Array>> | undefined;
  let sessionCount = 0;
  const look = () => (coming ??= frames.next());

  async function* receive(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = await look();
      coming = undefined;
      if (next.done) return;
      yield next.value;
    }
  }

  return {
    peer: stream.peer,
    isLimited: stream.isLimited,
    hasMore: async () => !(await look()).done,
    nextSession() {
      const channel = watchChannel(deps, { send: (frame) => stream.send(frame), frames: receive() });
      return { channel, binding: sessionBinding(deps.blake3, stream.binding, sessionCount++) };
    },
    close: () => stream.close(),
    abort: () => stream.abort(),
  };
}
