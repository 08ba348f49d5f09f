import { describe, expect, it } from 'vitest';
import { type GranaryError, isGranaryError } from '#core/kernel/index.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { decodeByStandard } from '../testing/standard-av1-decoder.ts';
import { codecString, EncodedVideoChunk, VideoDecoder, VideoEncoder, VideoFrame } from './webcodecs.ts';

const CODEC = 'av01.0.08M.08';

/** A picture whose blocks of 64 x 64 pixels have up to `shades` shades, other ones and another number in every block. */
function picture(width: number, height: number, shades: number, seed = 1): Uint8Array {
  const random = seededRandom(seed);
  const planes = new Uint8Array((width * height * 3) / 2).fill(128, width * height);
  const palettes = new Map<number, number[]>();
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const block = (y >> 6) * 1000 + (x >> 6);
      const count = block === 0 ? shades : 1 + Math.floor(random() * shades);
      if (!palettes.has(block))
        palettes.set(
          block,
          Array.from({ length: count }, () => Math.floor(random() * 256)),
        );
      const palette = palettes.get(block)!;
      planes[y * width + x] = palette[Math.floor(random() * random() * palette.length)]!;
    }
  return planes;
}

const frameOf = (planes: Uint8Array, width: number, height: number, timestamp = 0): VideoFrame =>
  new VideoFrame(planes, { format: 'I420', codedWidth: width, codedHeight: height, timestamp, duration: 40 });

async function encode(planes: Uint8Array, width: number, height: number): Promise<EncodedVideoChunk> {
  const chunks: EncodedVideoChunk[] = [];
  const encoder = new VideoEncoder({
    output: (chunk) => chunks.push(chunk),
    error: (error) => {
      throw error;
    },
  });
  encoder.configure({ codec: CODEC, width, height });
  encoder.encode(frameOf(planes, width, height, 7));
  await encoder.flush();
  encoder.close();
  expect(chunks).toHaveLength(1);
  return chunks[0]!;
}

async function decode(chunks: readonly EncodedVideoChunk[]): Promise<VideoFrame[]> {
  const frames: VideoFrame[] = [];
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const decoder = new VideoDecoder({ output: (frame) => frames.push(frame), error: reject });
  decoder.configure({ codec: CODEC });
  for (const chunk of chunks) decoder.decode(chunk);
  await Promise.race([decoder.flush(), failed]);
  return frames;
}

const bytesOf = (chunk: EncodedVideoChunk): Uint8Array => {
  const bytes = new Uint8Array(chunk.byteLength);
  chunk.copyTo(bytes);
  return bytes;
};

const SIZES = [
  [64, 64],
  [128, 256],
  [40, 48],
  [104, 320],
  [1920, 1080],
  [320, 512],
  [4160, 64],
] as const;

describe('VideoEncoder and VideoDecoder', () => {
  it.each(SIZES)('give back a picture of %i x %i pixels, as a standard decoder does', async (width, height) => {
    for (const shades of [1, 2, 5, 8]) {
      const planes = picture(width, height, shades, width + shades);
      const chunk = await encode(planes, width, height);
      expect([chunk.type, chunk.timestamp, chunk.duration]).toEqual(['key', 7, 40]);
      const [frame] = await decode([chunk]);
      expect([frame!.codedWidth, frame!.codedHeight, frame!.format, frame!.timestamp]).toEqual([
        width,
        height,
        'I420',
        7,
      ]);
      const copy = new Uint8Array(frame!.allocationSize());
      await frame!.copyTo(copy);
      expect(Buffer.compare(copy, planes)).toBe(0);
      const theirs = await decodeByStandard(bytesOf(chunk));
      expect(Buffer.compare(theirs.luma, planes.subarray(0, width * height))).toBe(0);
      expect(theirs.chroma.every((pixel) => pixel === 128)).toBe(true);
    }
  });

  it('give out frames in order and tell the decoder configuration once', async () => {
    const configs: unknown[] = [];
    const chunks: EncodedVideoChunk[] = [];
    const encoder = new VideoEncoder({
      output: (chunk, { decoderConfig }) => {
        chunks.push(chunk);
        configs.push(decoderConfig);
      },
      error: (error) => {
        throw error;
      },
    });
    encoder.configure({ codec: CODEC, width: 64, height: 64 });
    for (let i = 0; i < 5; i++) encoder.encode(frameOf(picture(64, 64, 3, i + 1), 64, 64, i));
    expect(encoder.encodeQueueSize).toBe(5);
    expect(chunks).toHaveLength(0);
    await encoder.flush();
    expect(encoder.encodeQueueSize).toBe(0);
    expect(chunks.map(({ timestamp }) => timestamp)).toEqual([0, 1, 2, 3, 4]);
    const config = { codec: codecString({ width: 64, height: 64 }), codedWidth: 64, codedHeight: 64 };
    expect(configs).toEqual([config, undefined, undefined, undefined, undefined]);
    const frames = await decode(chunks);
    expect(frames.map(({ timestamp }) => timestamp)).toEqual([0, 1, 2, 3, 4]);
  });

  it.each([
    ['nine shades in a block', picture(64, 64, 9)],
    ['colour', picture(64, 64, 4).fill(99, 64 * 64 + 5, 64 * 64 + 6)],
  ])('report %s to the error callback and close', async (_, planes) => {
    const errors: GranaryError[] = [];
    const encoder = new VideoEncoder({ output: () => expect.unreachable(), error: (error) => errors.push(error) });
    encoder.configure({ codec: CODEC, width: 64, height: 64 });
    encoder.encode(frameOf(planes, 64, 64));
    await expect(encoder.flush()).rejects.toThrow();
    expect(errors.map(({ code }) => code)).toEqual(['UNSUPPORTED']);
    expect(encoder.state).toBe('closed');
  });

  it('report a damaged chunk to the error callback', async () => {
    const bytes = bytesOf(await encode(picture(128, 128, 5), 128, 128));
    const chunk = new EncodedVideoChunk({ type: 'key', timestamp: 0, data: bytes.subarray(0, bytes.length - 20) });
    await expect(decode([chunk])).rejects.toSatisfy((error) => isGranaryError(error));
  });

  it('tell what they support', async () => {
    const supported = async (codec: string, width = 64, height = 64) => {
      const encoder = await VideoEncoder.isConfigSupported({ codec, width, height });
      const decoder = await VideoDecoder.isConfigSupported({ codec });
      return [encoder.supported, decoder.supported];
    };
    expect(await supported('av01.0.08M.08')).toEqual([true, true]);
    expect(await supported('av01.0.08M.08.0.110.01.01.01.0')).toEqual([true, true]);
    expect(await supported('av01.0.08M.08', 72, 64)).toEqual([false, true]);
    expect(await supported('av01.0.08M.10')).toEqual([false, false]);
    expect(await supported('av01.1.08M.08')).toEqual([false, false]);
    expect(await supported('vp8')).toEqual([false, false]);
    const encoder = new VideoEncoder({ output: () => undefined, error: () => undefined });
    expect(() => encoder.configure({ codec: CODEC, width: 72, height: 64 })).toThrow('72 x 64');
  });

  it('keep to the states of the standard', async () => {
    const decoder = new VideoDecoder({ output: () => expect.unreachable(), error: () => expect.unreachable() });
    const chunk = await encode(picture(64, 64, 2), 64, 64);
    expect(decoder.state).toBe('unconfigured');
    expect(() => decoder.decode(chunk)).toThrow('unconfigured');
    decoder.configure({ codec: CODEC });
    decoder.decode(chunk);
    const flushed = decoder.flush();
    decoder.reset();
    await expect(flushed).rejects.toSatisfy((error) => isGranaryError(error, 'CANCELLED'));
    expect([decoder.state, decoder.decodeQueueSize]).toEqual(['unconfigured', 0]);
    decoder.close();
    expect(() => decoder.configure({ codec: CODEC })).toThrow('closed');
    expect(() => decoder.reset()).toThrow('closed');
  });
});

describe('VideoFrame', () => {
  it('takes and gives planes with gaps', async () => {
    const planes = picture(64, 64, 4);
    const frame = frameOf(planes, 64, 64);
    const layout = [
      { offset: 10, stride: 80 },
      { offset: 6000, stride: 40 },
      { offset: 8000, stride: 33 },
    ];
    const padded = new Uint8Array(frame.allocationSize({ layout }));
    expect(await frame.copyTo(padded, { layout })).toEqual(layout);
    const again = new VideoFrame(padded, { format: 'I420', codedWidth: 64, codedHeight: 64, timestamp: 0, layout });
    const copy = new Uint8Array(again.allocationSize());
    await again.copyTo(copy.buffer);
    expect(Buffer.compare(copy, planes)).toBe(0);
    await expect(frame.copyTo(new Uint8Array(10))).rejects.toThrow('needs 6144 bytes');
  });

  it('can be cloned and closed', async () => {
    const frame = frameOf(picture(64, 64, 4), 64, 64);
    const clone = frame.clone();
    frame.close();
    expect([frame.format, frame.codedWidth, frame.visibleRect]).toEqual([null, 0, null]);
    expect(() => frame.allocationSize()).toThrow('closed');
    await expect(frame.copyTo(new Uint8Array(6144))).rejects.toThrow('closed');
    expect([clone.codedWidth, clone.duration, clone.codedRect]).toEqual([
      64,
      40,
      { x: 0, y: 0, width: 64, height: 64 },
    ]);
  });
});
