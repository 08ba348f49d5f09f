/** Frames on a stream of bytes: each behind its length as an unsigned LEB128 number. */
import { concatBytes } from '#core/kernel/index.ts';

/** Lengths below 2^28, in groups of seven bits. */
const LENGTH_BYTES_MAX = 4;

/** A frame as it goes over the line. Decoders refuse an empty one. */
export function encodeFrame(frame: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = frame.length;
  while (rest >= 128) {
    length.push((rest & 127) | 128);
    rest >>>= 7;
  }
  length.push(rest);
  return concatBytes([Uint8Array.from(length), frame]);
}

/** Why bytes are no frames; the stream is of no use after it. */
export type FrameFault = 'frame-empty' | 'frame-too-long' | 'frame-length-malformed';

export class FrameError extends Error {
  readonly fault: FrameFault;

  constructor(fault: FrameFault) {
    super(fault);
    this.fault = fault;
  }
}

/** Cuts bytes that come in pieces of any size into frames. Holds one frame and one piece at most. */
export class FrameDecoder {
  readonly #maxFrameBytes: number;
  #length: { value: number; byteCount: number } | undefined = { value: 0, byteCount: 0 };
  #frame = new Uint8Array();
  #filled = 0;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** The frames that end in this piece. Throws a {@link FrameError}. */
  *push(piece: Uint8Array): Generator<Uint8Array> {
    let place = 0;
    while (place < piece.length) {
      if (this.#length) {
        this.#takeLengthByte(this.#length, piece[place++]!);
      } else {
        const taken = Math.min(piece.length - place, this.#frame.length - this.#filled);
        this.#frame.set(piece.subarray(place, place + taken), this.#filled);
        this.#filled += taken;
        place += taken;
      }
      if (!this.#length && this.#filled === this.#frame.length) {
        const frame = this.#frame;
        this.#length = { value: 0, byteCount: 0 };
        yield frame;
      }
    }
  }

  #takeLengthByte(length: { value: number; byteCount: number }, byte: number): void {
    length.value += (byte & 127) * 2 ** (7 * length.byteCount);
    length.byteCount += 1;
    if (length.value > this.#maxFrameBytes) throw new FrameError('frame-too-long');
    if (byte >= 128) {
      if (length.byteCount === LENGTH_BYTES_MAX) throw new FrameError('frame-length-malformed');
      return;
    }
    // One form for each length: no zero groups at its end.
    if (byte === 0 && length.byteCount > 1) throw new FrameError('frame-length-malformed');
    // No protocol has empty frames; whoever sends them makes a reader work for a byte each.
    if (length.value === 0) throw new FrameError('frame-empty');
    this.#frame = new Uint8Array(length.value);
    this.#filled = 0;
    this.#length = undefined;
  }
}
