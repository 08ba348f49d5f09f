import { GranaryError } from '#core/kernel/index.ts';
import { decodeLuma } from '../luma.ts';
import { isProfileCodec } from './codec-string.ts';
import type { EncodedVideoChunk } from './encoded-video-chunk.ts';
import { VideoFrame } from './video-frame.ts';
import { type CodecState, WorkQueue } from './work-queue.ts';

export interface VideoDecoderConfig {
  readonly codec: string;
  readonly codedWidth?: number;
  readonly codedHeight?: number;
}

export interface VideoDecoderInit {
  /** The receiver closes the frame. */
  readonly output: (frame: VideoFrame) => void;
  readonly error: (error: GranaryError) => void;
}

/** What the profile's blocks without a chroma palette come out as: DC prediction without neighbours. */
const CHROMA = 128;

/** A decoder of the column profile (W3C WebCodecs, "VideoDecoder"). Every unit is a key frame of its own. */
export class VideoDecoder {
  readonly #queue: WorkQueue;
  readonly #output: (frame: VideoFrame) => void;

  constructor({ output, error }: VideoDecoderInit) {
    this.#output = output;
    this.#queue = new WorkQueue(error);
  }

  static async isConfigSupported(
    config: VideoDecoderConfig,
  ): Promise<{ readonly supported: boolean; readonly config: VideoDecoderConfig }> {
    return { supported: isProfileCodec(config.codec), config };
  }

  get state(): CodecState {
    return this.#queue.state;
  }

  get decodeQueueSize(): number {
    return this.#queue.length;
  }

  /** Errors: `UNSUPPORTED` for another codec, `INPUT_INVALID` once closed. */
  configure({ codec }: VideoDecoderConfig): void {
    if (!isProfileCodec(codec)) throw new GranaryError('UNSUPPORTED', `The codec ${codec} cannot be decoded here.`);
    this.#queue.configure();
  }

  /** Queues a unit; its frame comes by `output`, a failure by `error`. Errors: `INPUT_INVALID` unless configured. */
  decode(chunk: EncodedVideoChunk): void {
    this.#queue.requireConfigured();
    const unit = new Uint8Array(chunk.byteLength);
    chunk.copyTo(unit);
    const { timestamp, duration } = chunk;
    this.#queue.push(unit, () => {
      const { width, height, pixels } = decodeLuma(unit);
      const planes = new Uint8Array((width * height * 3) / 2).fill(CHROMA, width * height);
      planes.set(pixels);
      const frame = { format: 'I420', codedWidth: width, codedHeight: height, timestamp } as const;
      this.#output(new VideoFrame(planes, duration === null ? frame : { ...frame, duration }));
    });
  }

  /** Resolves when all units so far are decoded. Errors: `INPUT_INVALID`, `CANCELLED`. */
  flush(): Promise<void> {
    return this.#queue.flush();
  }

  reset(): void {
    this.#queue.reset();
  }

  close(): void {
    this.#queue.close();
  }
}
