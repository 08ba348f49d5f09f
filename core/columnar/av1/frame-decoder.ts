import { GranaryError, isGranaryError } from '#core/kernel/index.ts';
import { type FrameSize, SYMBOLS_MAX } from './frame-shape.ts';
import type { Luma } from './luma.ts';
import { placeholderPicture } from './placeholder.ts';
import { readUnit } from './unit.ts';
import * as columnProfile from './webcodecs.ts';

/** What is used of W3C WebCodecs: of our own classes, of a browser's, of any other implementation. */
export interface WebCodecs {
  readonly VideoDecoder: {
    new (init: { output: (frame: CodecFrame) => void; error: (error: Error) => void }): {
      readonly state: string;
      configure(config: { codec: string; codedWidth: number; codedHeight: number }): void;
      decode(chunk: never): void;
      flush(): Promise<void>;
      close(): void;
    };
    isConfigSupported(config: { codec: string }): Promise<{ readonly supported?: boolean | undefined }>;
  };
  readonly EncodedVideoChunk: new (init: { type: 'key'; timestamp: number; data: Uint8Array<ArrayBuffer> }) => unknown;
}

interface CodecFrame {
  readonly format: string | null;
  readonly codedWidth: number;
  readonly codedHeight: number;
  allocationSize(): number;
  copyTo(target: Uint8Array<ArrayBuffer>): Promise<readonly { readonly offset: number; readonly stride: number }[]>;
  close(): void;
}

/** Our WASM decoder of the column profile, or the decoder of the platform: the two give the same pixels. */
export type FrameDecoderName = 'granary' | 'platform';

export interface FrameDecoder {
  readonly name: FrameDecoderName;
  /**
   * The luma of one temporal unit. Errors: those of the codec, `CODEC_DAMAGED` when the platform refuses it or hands out
   * no planes.
   */
  decode(unit: Uint8Array): Promise<Luma>;
}

/** Whether a decoder runs here; `why` says why not. */
export interface FrameDecoderSupport {
  readonly name: FrameDecoderName;
  readonly supported: boolean;
  readonly why?: string;
}

const OWN: WebCodecs = columnProfile as unknown as WebCodecs;

/** The WebCodecs of this realm: browsers and Electron have them, in secure contexts; Node has none. */
export function platformWebCodecs(): WebCodecs | undefined {
  const { VideoDecoder, EncodedVideoChunk } = globalThis as unknown as Partial<WebCodecs>;
  return VideoDecoder && EncodedVideoChunk ? { VideoDecoder, EncodedVideoChunk } : undefined;
}

/** What can decode frames here; nothing is decoded. */
export async function probeFrameDecoders(platform = platformWebCodecs()): Promise<readonly FrameDecoderSupport[]> {
  return [
    { name: 'granary', supported: true },
    { name: 'platform', ...(await probe(platform)) },
  ];
}

async function probe(platform: WebCodecs | undefined): Promise<Omit<FrameDecoderSupport, 'name'>> {
  if (!platform) return { supported: false, why: 'This platform has no WebCodecs.' };
  const config = { codec: columnProfile.codecString({ width: 64, height: 64 }) };
  // A platform without AV1 may answer or reject.
  const { supported } = await platform.VideoDecoder.isConfigSupported(config).catch(() => ({ supported: false }));
  return supported === true ? { supported } : { supported: false, why: 'The WebCodecs of this platform have no AV1.' };
}

/** One interface over both decoders. Errors: `UNSUPPORTED` when the platform has no WebCodecs. */
export function createFrameDecoder(name: FrameDecoderName, platform = platformWebCodecs()): FrameDecoder {
  const api = name === 'granary' ? OWN : platform;
  if (!api) throw new GranaryError('UNSUPPORTED', 'This platform has no WebCodecs. Use the decoder "granary".');
  return { name, decode: (unit) => decodeFrame(api, unit) };
}

async function decodeFrame(api: WebCodecs, unit: Uint8Array): Promise<Luma> {
  // Whatever the decoder is, it sees no frame that is larger than a column can need.
  const { width, height } = placeholderPicture(unit) ?? readUnit(unit, SYMBOLS_MAX);
  const frames: CodecFrame[] = [];
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const decoder = new api.VideoDecoder({ output: (frame) => frames.push(frame), error: reject });
  try {
    decoder.configure({ codec: columnProfile.codecString({ width, height }), codedWidth: width, codedHeight: height });
    const chunk = new api.EncodedVideoChunk({ type: 'key', timestamp: 0, data: new Uint8Array(unit) });
    decoder.decode(chunk as never);
    await Promise.race([decoder.flush(), failed]);
    return { width, height, pixels: await lumaOf(frames[0], { width, height }) };
  } catch (error) {
    if (isGranaryError(error)) throw error;
    throw damaged(error instanceof Error ? error.message : String(error), error);
  } finally {
    for (const frame of frames) frame.close();
    if (decoder.state !== 'closed') decoder.close();
  }
}

const damaged = (why: string, cause?: unknown): GranaryError =>
  new GranaryError('CODEC_DAMAGED', `The platform's decoder gives no picture: ${why}`, {}, { cause });

/** The first plane without gaps. Every planar format of 8-bit YUV starts with it. */
async function lumaOf(frame: CodecFrame | undefined, { width, height }: FrameSize): Promise<Uint8Array> {
  if (!frame) throw damaged('no frame came out.');
  if (!['I420', 'NV12'].includes(frame.format ?? '')) throw damaged(`its format is ${frame.format}.`);
  if (frame.codedWidth < width || frame.codedHeight < height) throw damaged('the frame is too small.');
  const bytes = new Uint8Array(frame.allocationSize());
  const [{ offset, stride } = { offset: 0, stride: 0 }] = await frame.copyTo(bytes);
  if (stride === width) return bytes.subarray(offset, offset + width * height);
  const pixels = new Uint8Array(width * height);
  for (let row = 0; row < height; row++)
    pixels.set(bytes.subarray(offset + row * stride, offset + row * stride + width), row * width);
  return pixels;
}
