import type { Stream } from '@libp2p/interface';
import { createMutex } from '#core/kernel/index.ts';
import type { ByteCounts, CountedEvent } from '../counters.ts';
import { encodeFrame, FrameDecoder, FrameError } from '../frame-codec.ts';
import {
  STREAM_CLOSE_MILLISECONDS,
  STREAM_DISCARDED_BYTES_MAX,
  STREAM_HALF_OPEN_MILLISECONDS,
  STREAM_IDLE_MILLISECONDS,
  STREAM_READ_AHEAD_BYTES,
} from '../limits.ts';
import type { PeerStream } from '../ports.ts';
import { streamEnded } from '../unreachable.ts';

export interface Libp2pStreamOptions {
  readonly peer: Uint8Array;
  readonly binding: Uint8Array;
  readonly isLimited: boolean;
  readonly maxFrameBytes: number;
  readonly bytes: ByteCounts;
  readonly count: (event: CountedEvent) => void;
  /** Milliseconds, as of `Clock.monotonic`. */
  readonly now: () => number;
}

/** Frames over a stream of libp2p, with a bound on what waits on either side of it. */
export class Libp2pStream implements PeerStream {
  readonly peer: Uint8Array;
  readonly binding: Uint8Array;
  readonly isLimited: boolean;
  readonly frames: AsyncIterable<Uint8Array>;
  readonly #stream: Stream;
  readonly #options: Libp2pStreamOptions;
  readonly #inOrder = createMutex();
  readonly #pieces: Uint8Array[] = [];
  #waitingBytes = 0;
  #discardedBytes = 0;
  #isResuming = false;
  #closing: Promise<void> | undefined;
  #isFinished = false;
  #isBroken = false;
  #movedAt: number;
  #halfClosedAt: number | undefined;
  #closeBegunAt: number | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(stream: Stream, options: Libp2pStreamOptions) {
    this.#stream = stream;
    this.#options = options;
    this.peer = options.peer;
    this.binding = options.binding;
    this.isLimited = options.isLimited;
    this.#movedAt = options.now();
    // Without a listener, libp2p takes in megabytes and then breaks the stream.
    if (stream.readStatus === 'readable') stream.pause();
    stream.addEventListener('message', ({ data }) => this.#take(data.subarray()));
    stream.addEventListener('remoteCloseWrite', () => this.#finish());
    stream.addEventListener('close', ({ error }) => this.#end(error));
    stream.addEventListener('drain', () => queueMicrotask(() => this.#change()));
    if (stream.remoteWriteStatus !== 'writable') this.#finish();
    if (stream.status !== 'open') this.#end(undefined);
    this.frames = this.#read();
  }

  receive(): AsyncIterable<Uint8Array> {
    return this.frames;
  }

  /** True once nothing more will happen. */
  get isOver(): boolean {
    return this.#stream.status !== 'open' && this.#stream.status !== 'closing';
  }

  async send(frame: Uint8Array): Promise<void> {
    if (this.#closing) throw streamEnded(this.peer);
    await this.#inOrder(() => this.#send(encodeFrame(frame)));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  abort(): void {
    this.#stream.abort(streamEnded(this.peer));
  }

  /** To be called about once a second: breaks off a stream that is forgotten. */
  beat(): void {
    const now = this.#options.now();
    if (this.isOver) return;
    if (this.#closeBegunAt !== undefined && now - this.#closeBegunAt > STREAM_CLOSE_MILLISECONDS) {
      this.#breakOff('stream-half-open');
    } else if (this.#halfClosedAt !== undefined && now - this.#halfClosedAt > STREAM_HALF_OPEN_MILLISECONDS) {
      this.#breakOff('stream-half-open');
    } else if (now - this.#movedAt > STREAM_IDLE_MILLISECONDS) {
      this.#breakOff('stream-idle');
    }
  }

  async #send(line: Uint8Array): Promise<void> {
    try {
      if (this.#stream.writeStatus !== 'writable') throw streamEnded(this.peer);
      this.#stream.send(line);
    } catch (error) {
      throw streamEnded(this.peer, error);
    }
    this.#options.bytes.out += line.length;
    // The promise of `onDrain` stays resolved after the first time, so the events are looked at here.
    while (this.#stream.writableNeedsDrain && !this.isOver) await this.#changed.promise;
    if (this.#isBroken) throw streamEnded(this.peer);
    this.#movedAt = this.#options.now();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    const decoder = new FrameDecoder(this.#options.maxFrameBytes);
    try {
      for (let piece = await this.#next(); piece; piece = await this.#next()) {
        for (const frame of decoder.push(piece)) {
          yield frame;
          if (this.#closing) return;
        }
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#breakOff(error.fault);
    }
  }

  /** The next bytes of the other side; undefined when there will be none. */
  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#closing) return undefined;
      if (this.#pieces.length === 0) this.#resume();
      const piece = this.#pieces.shift();
      if (piece) {
        this.#waitingBytes -= piece.length;
        this.#options.bytes.in += piece.length;
        this.#movedAt = this.#options.now();
        return piece;
      }
      if (this.isOver || (this.#isFinished && this.#stream.readBufferLength === 0)) return undefined;
      await this.#changed.promise;
    }
  }

  #resume(): void {
    if (this.#stream.readStatus !== 'paused') return;
    // Resuming hands over what waits, then opens the window; a pause in between would be forgotten.
    this.#isResuming = true;
    this.#stream.resume();
    this.#isResuming = false;
    this.#pauseIfAhead();
  }

  #take(piece: Uint8Array): void {
    if (this.#closing) return this.#discard(piece);
    this.#pieces.push(piece);
    this.#waitingBytes += piece.length;
    if (!this.#isResuming) this.#pauseIfAhead();
    this.#change();
  }

  /** What was under way when this side closed goes; a peer that does not stop then is cut off. */
  #discard(piece: Uint8Array): void {
    this.#discardedBytes += piece.length;
    if (this.#discardedBytes > STREAM_DISCARDED_BYTES_MAX && !this.isOver) this.#breakOff('stream-overrun');
  }

  #pauseIfAhead(): void {
    if (this.#waitingBytes >= STREAM_READ_AHEAD_BYTES && this.#stream.readStatus === 'readable') this.#stream.pause();
  }

  async #close(): Promise<void> {
    this.#pieces.length = 0;
    this.#closeBegunAt = this.#options.now();
    this.#change();
    await this.#inOrder(async () => undefined);
    // What still comes is thrown away, so that the other side can finish.
    this.#resume();
    try {
      await this.#stream.close();
      this.#halfClosedAt ??= this.#options.now();
    } catch {
      this.abort();
    }
    this.#closeBegunAt = undefined;
  }

  #finish(): void {
    this.#isFinished = true;
    this.#halfClosedAt ??= this.#options.now();
    this.#change();
  }

  #end(error: Error | undefined): void {
    this.#isFinished = true;
    this.#isBroken = error !== undefined;
    if (this.#stream.status === 'reset') this.#options.count('stream-reset');
    this.#change();
  }

  #breakOff(reason: CountedEvent): void {
    this.#options.count(reason);
    this.abort();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
