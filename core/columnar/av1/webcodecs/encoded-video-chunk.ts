import { GranaryError } from '#core/kernel/index.ts';

export type BufferSource = ArrayBuffer | ArrayBufferView;

/** The bytes of a buffer source, not copied. */
export const bytesOf = (source: BufferSource): Uint8Array =>
  ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);

export interface EncodedVideoChunkInit {
  readonly type: 'key' | 'delta';
  /** Microseconds. */
  readonly timestamp: number;
  readonly duration?: number;
  readonly data: BufferSource;
}

/** A temporal unit with its time (W3C WebCodecs, "EncodedVideoChunk"). */
export class EncodedVideoChunk {
  readonly type: 'key' | 'delta';
  readonly timestamp: number;
  readonly duration: number | null;
  readonly #data: Uint8Array;

  constructor({ type, timestamp, duration, data }: EncodedVideoChunkInit) {
    this.type = type;
    this.timestamp = timestamp;
    this.duration = duration ?? null;
    this.#data = bytesOf(data).slice();
  }

  get byteLength(): number {
    return this.#data.length;
  }

  /** Errors: `INPUT_INVALID` when the destination is too small. */
  copyTo(destination: BufferSource): void {
    const target = bytesOf(destination);
    if (target.length < this.#data.length)
      throw new GranaryError('INPUT_INVALID', `The chunk of ${this.#data.length} bytes does not fit ${target.length}.`);
    target.set(this.#data);
  }
}
