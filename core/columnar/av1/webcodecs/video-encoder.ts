import { GranaryError } from '#core/kernel/index.ts';
import { encodeLuma, isLumaSize } from '../luma.ts';
import { codecString, isProfileCodec } from './codec-string.ts';
import { EncodedVideoChunk } from './encoded-video-chunk.ts';
import type { VideoDecoderConfig } from './video-decoder.ts';
import type { VideoFrame } from './video-frame.ts';
import { type CodecState, WorkQueue } from './work-queue.ts';

export interface VideoEncoderConfig {
  readonly codec: string;
  readonly width: number;
  readonly height: number;
}

export interface EncodedVideoChunkMetadata {
  readonly decoderConfig?: VideoDecoderConfig;
}

export interface VideoEncoderInit {
  /** The first chunk after `configure` comes with what a decoder needs. */
  readonly output: (chunk: EncodedVideoChunk, metadata: EncodedVideoChunkMetadata) => void;
  readonly error: (error: GranaryError) => void;
}

const CHROMA = 128;

const isSupported = ({ codec, width, height }: VideoEncoderConfig): boolean =>
  isProfileCodec(codec) && isLumaSize({ width, height });

/**
 * A lossless encoder of the column profile (W3C WebCodecs, "VideoEncoder"): every block of 64 x 64 pixels holds at most
 * eight shades of grey, chroma is 128, every chunk is a key frame.
 */
export class VideoEncoder {
  readonly #queue: WorkQueue;
  readonly #output: VideoEncoderInit['output'];
  #config: VideoEncoderConfig | undefined;
  #announced = false;

  constructor({ output, error }: VideoEncoderInit) {
    this.#output = output;
    this.#queue = new WorkQueue(error);
  }

  static async isConfigSupported(
    config: VideoEncoderConfig,
  ): Promise<{ readonly supported: boolean; readonly config: VideoEncoderConfig }> {
    return { supported: isSupported(config), config };
  }

  get state(): CodecState {
    return this.#queue.state;
  }

  get encodeQueueSize(): number {
    return this.#queue.length;
  }

  /** Errors: `UNSUPPORTED` for another codec or size, `INPUT_INVALID` once closed. */
  configure(config: VideoEncoderConfig): void {
    if (!isSupported(config))
      throw new GranaryError(
        'UNSUPPORTED',
        `The codec ${config.codec} at ${config.width} x ${config.height} pixels cannot be encoded here.`,
      );
    this.#queue.configure();
    this.#config = config;
    this.#announced = false;
  }

  /**
   * Queues a frame; its chunk comes by `output`. By `error`: `UNSUPPORTED` for more than eight shades in a block or for
   * colour. Errors: `INPUT_INVALID` unless configured, or for a frame of another size.
   */
  encode(frame: VideoFrame): void {
    this.#queue.requireConfigured();
    const { width, height } = this.#config!;
    if (frame.codedWidth !== width || frame.codedHeight !== height)
      throw new GranaryError(
        'INPUT_INVALID',
        `The encoder takes frames of ${width} x ${height} pixels, not ${frame.codedWidth} x ${frame.codedHeight}.`,
      );
    const { timestamp, duration } = frame;
    const planes = new Uint8Array(frame.allocationSize());
    const copied = frame.copyTo(planes);
    this.#queue.push(copied, () => {
      if (planes.subarray(width * height).some((chroma) => chroma !== CHROMA))
        throw new GranaryError('UNSUPPORTED', 'The column profile holds shades of grey only: chroma must be 128.');
      const data = encodeLuma({ width, height, pixels: planes.subarray(0, width * height) });
      const chunk = { type: 'key', timestamp, data } as const;
      const decoderConfig = { codec: codecString({ width, height }), codedWidth: width, codedHeight: height };
      const announce = !this.#announced;
      this.#announced = true;
      this.#output(
        new EncodedVideoChunk(duration === null ? chunk : { ...chunk, duration }),
        announce ? { decoderConfig } : {},
      );
    });
  }

  /** Resolves when all frames so far are encoded. Errors: `INPUT_INVALID`, `CANCELLED`. */
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
