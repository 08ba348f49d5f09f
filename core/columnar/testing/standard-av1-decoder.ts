import { EncodedVideoChunk, VideoDecoder, type VideoFrame } from '@napi-rs/webcodecs';

/** What a general AV1 decoder (dav1d, through a development dependency) makes of a temporal unit. */
export interface StandardFrame {
  readonly width: number;
  readonly height: number;
  readonly luma: Uint8Array;
  /** Both chroma planes, one after the other. */
  readonly chroma: Uint8Array;
}

/** Decodes one key frame. Rejects when the decoder reports an error or hands out no frame. */
export async function decodeByStandard(unit: Uint8Array): Promise<StandardFrame> {
  const frames: VideoFrame[] = [];
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const decoder = new VideoDecoder({ output: (frame) => frames.push(frame), error: reject });
  try {
    decoder.configure({ codec: 'av01.0.08M.08' });
    decoder.decode(new EncodedVideoChunk({ type: 'key', timestamp: 0, data: unit }));
    await Promise.race([decoder.flush(), failed]);
    const frame = frames[0];
    if (!frame) throw new Error('The standard decoder gave no frame.');
    const { codedWidth: width, codedHeight: height } = frame;
    const bytes = new Uint8Array(frame.allocationSize());
    const layout = await frame.copyTo(bytes);
    const plane = (index: number, columns: number, rows: number): Uint8Array => {
      const packed = new Uint8Array(columns * rows);
      const { offset, stride } = layout[index]!;
      for (let row = 0; row < rows; row++)
        packed.set(bytes.subarray(offset + row * stride, offset + row * stride + columns), row * columns);
      return packed;
    };
    const chroma = new Uint8Array((width * height) / 2);
    chroma.set(plane(1, width / 2, height / 2));
    chroma.set(plane(2, width / 2, height / 2), chroma.length / 2);
    return { width, height, luma: plane(0, width, height), chroma };
  } finally {
    for (const frame of frames) frame.close();
    if (decoder.state !== 'closed') decoder.close();
  }
}
