import { type AbortOptions, createMutex } from '#core/kernel/index.ts';
import type { ByteCounts, CountedEvent } from './counters.ts';
import { encodeFrame } from './frame-codec.ts';
import { STREAM_WINDOW_BYTES } from './limits.ts';
import type { PeerStream } from './ports.ts';
import { streamEnded } from './unreachable.ts';

/** What one end of a stream in memory is told by its node. */
export interface MemoryEndOptions {
  readonly peer: Uint8Array;
  readonly binding: Uint8Array;
  readonly maxFrameBytes: number;
  readonly bytes: ByteCounts;
  readonly count: (event: CountedEvent) => void;
}

export interface MemoryEnd extends PeerStream {
  /** Resolves when both sides have closed or the line broke. */
  readonly ended: Promise<void>;
  readonly movedAt: number;
  readonly halfClosedAt: number | undefined;
}

/** How frames travel from one end to the other. */
export interface MemoryPath {
  /** Resolves when a frame that is sent now arrives; false when the line broke on the way. */
  travel(options: AbortOptions): Promise<boolean>;
  now(): number;
}

interface Direction {
  readonly queue: Uint8Array[];
  /** Bytes that are under way or wait for the reader. */
  heldBytes: number;
  isFinished: boolean;
}

const emptyDirection = (): Direction => ({ queue: [], heldBytes: 0, isFinished: false });

/** Two ends of one stream. Frames are copied, as over a network, and a sender waits when the window is full. */
export function createMemoryStream(
  sides: readonly [MemoryEndOptions, MemoryEndOptions],
  path: MemoryPath,
): readonly [MemoryEnd, MemoryEnd] {
  const directions = [emptyDirection(), emptyDirection()] as const;
  const broken = new AbortController();
  const ended = Promise.withResolvers<void>();
  let movedAt = path.now();
  let halfClosedAt: number | undefined;
  let changed = Promise.withResolvers<void>();
  const change = () => {
    movedAt = path.now();
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const breakOff = () => {
    broken.abort();
    ended.resolve();
    change();
  };

  const createEnd = (me: 0 | 1): MemoryEnd => {
    const other = me === 0 ? 1 : 0;
    const [outgoing, incoming] = [directions[me], directions[other]];
    const { peer, binding, maxFrameBytes, bytes, count } = sides[me];
    const inOrder = createMutex();
    const arriveInOrder = createMutex();
    let closing: Promise<void> | undefined;

    const arrive = async (line: Uint8Array | undefined, travelled: Promise<boolean>) => {
      if (!(await travelled)) return breakOff();
      if (line) {
        outgoing.queue.push(line);
      } else {
        outgoing.isFinished = true;
        if (incoming.isFinished) ended.resolve();
        else halfClosedAt = path.now();
      }
      return change();
    };

    /** Frames are under way side by side, and arrive in order. */
    const launch = (line: Uint8Array | undefined) => {
      const travelled = path.travel({ signal: broken.signal }).catch(() => false);
      void arriveInOrder(() => arrive(line, travelled));
    };

    const send = async (frame: Uint8Array) => {
      const line = encodeFrame(frame);
      while (outgoing.heldBytes >= STREAM_WINDOW_BYTES && !broken.signal.aborted) await changed.promise;
      if (broken.signal.aborted) throw streamEnded(peer);
      if (closed[other]) return;
      bytes.out += line.length;
      outgoing.heldBytes += line.length;
      launch(line);
    };

    async function* read(): AsyncGenerator<Uint8Array> {
      for (;;) {
        if (closed[me]) return;
        const line = incoming.queue.shift();
        if (line) {
          incoming.heldBytes -= line.length;
          bytes.in += line.length;
          change();
          const frame = line.subarray(lengthBytes(line));
          if (frame.length === 0 || frame.length > maxFrameBytes) {
            count(frame.length === 0 ? 'frame-empty' : 'frame-too-long');
            return breakOff();
          }
          yield frame;
        } else if (incoming.isFinished || broken.signal.aborted) return;
        else await changed.promise;
      }
    }
    const frames = read();

    return {
      peer,
      binding,
      isLimited: false,
      frames,
      receive: () => frames,
      ended: ended.promise,
      get movedAt() {
        return movedAt;
      },
      get halfClosedAt() {
        return halfClosedAt;
      },
      async send(frame) {
        if (closed[me] || broken.signal.aborted) throw streamEnded(peer);
        await inOrder(() => send(frame));
      },
      close() {
        closing ??= (async () => {
          closed[me] = true;
          incoming.queue.length = 0;
          incoming.heldBytes = 0;
          change();
          await inOrder(async () => launch(undefined));
        })();
        return closing;
      },
      abort: breakOff,
    };
  };

  const closed: [boolean, boolean] = [false, false];
  return [createEnd(0), createEnd(1)];
}

const lengthBytes = (line: Uint8Array): number => line.findIndex((byte) => byte < 128) + 1;
