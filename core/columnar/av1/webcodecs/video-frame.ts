import { GranaryError } from '#core/kernel/index.ts';
import { type BufferSource, bytesOf } from './encoded-video-chunk.ts';

/** Where a plane lies in a buffer, in bytes. */
export interface PlaneLayout {
  readonly offset: number;
  readonly stride: number;
}

export interface VideoFrameInit {
  readonly format: 'I420';
  readonly codedWidth: number;
  readonly codedHeight: number;
  /** Microseconds. */
  readonly timestamp: number;
  readonly duration?: number;
  /** Of the planes Y, U and V; without gaps when left out. */
  readonly layout?: readonly PlaneLayout[];
}

export interface VideoFrameCopyToOptions {
  readonly layout?: readonly PlaneLayout[];
}

interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The planes of I420: luma, then two chroma planes of half the width and height. */
const planeSizes = (width: number, height: number) => {
  const chroma = { width: Math.ceil(width / 2), height: Math.ceil(height / 2) };
  return [{ width, height }, chroma, chroma];
};

function tightLayout(width: number, height: number): PlaneLayout[] {
  let offset = 0;
  return planeSizes(width, height).map((plane) => {
    const layout = { offset, stride: plane.width };
    offset += plane.width * plane.height;
    return layout;
  });
}

/** The bytes a layout reaches to. Errors: `INPUT_INVALID` when it does not fit the planes. */
function layoutBytes(width: number, height: number, layout: readonly PlaneLayout[]): number {
  const sizes = planeSizes(width, height);
  if (layout.length !== sizes.length)
    throw new GranaryError('INPUT_INVALID', `An I420 frame has three planes, the layout ${layout.length}.`);
  let end = 0;
  layout.forEach(({ offset, stride }, i) => {
    const plane = sizes[i]!;
    if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(stride) || stride < plane.width)
      throw new GranaryError('INPUT_INVALID', `The layout of plane ${i} does not fit rows of ${plane.width} bytes.`);
    end = Math.max(end, offset + stride * (plane.height - 1) + plane.width);
  });
  return end;
}

/** A picture in I420 (W3C WebCodecs, "VideoFrame"): only the format that the column profile knows. */
export class VideoFrame {
  readonly timestamp: number;
  readonly duration: number | null;
  /** The three planes without gaps; undefined once closed. */
  #planes: Uint8Array | undefined;
  readonly #width: number;
  readonly #height: number;

  /** Errors: `INPUT_INVALID` for another format, or when the data does not fill the layout. */
  constructor(data: BufferSource, init: VideoFrameInit) {
    const { codedWidth, codedHeight } = init;
    if (init.format !== 'I420' || ![codedWidth, codedHeight].every((size) => Number.isSafeInteger(size) && size > 0))
      throw new GranaryError('INPUT_INVALID', 'A video frame must be in the format I420, with a width and a height.');
    const source = bytesOf(data);
    const layout = init.layout ?? tightLayout(codedWidth, codedHeight);
    const bytes = layoutBytes(codedWidth, codedHeight, layout);
    if (source.length < bytes)
      throw new GranaryError('INPUT_INVALID', `The frame needs ${bytes} bytes of data, not ${source.length}.`);
    this.#width = codedWidth;
    this.#height = codedHeight;
    this.timestamp = init.timestamp;
    this.duration = init.duration ?? null;
    const tight = tightLayout(codedWidth, codedHeight);
    this.#planes = new Uint8Array(layoutBytes(codedWidth, codedHeight, tight));
    copyPlanes(source, layout, this.#planes, tight, codedWidth, codedHeight);
  }

  get format(): 'I420' | null {
    return this.#planes ? 'I420' : null;
  }

  get codedWidth(): number {
    return this.#planes ? this.#width : 0;
  }

  get codedHeight(): number {
    return this.#planes ? this.#height : 0;
  }

  get displayWidth(): number {
    return this.codedWidth;
  }

  get displayHeight(): number {
    return this.codedHeight;
  }

  get codedRect(): Rectangle | null {
    return this.#planes ? { x: 0, y: 0, width: this.#width, height: this.#height } : null;
  }

  get visibleRect(): Rectangle | null {
    return this.codedRect;
  }

  /** The bytes that `copyTo` with the same options writes. Errors: `INPUT_INVALID`, also once closed. */
  allocationSize(options: VideoFrameCopyToOptions = {}): number {
    this.#open();
    return layoutBytes(this.#width, this.#height, options.layout ?? tightLayout(this.#width, this.#height));
  }

  /** Copies the planes and tells where they lie. Errors: `INPUT_INVALID` for too small a destination, or once closed. */
  async copyTo(destination: BufferSource, options: VideoFrameCopyToOptions = {}): Promise<PlaneLayout[]> {
    const planes = this.#open();
    const target = bytesOf(destination);
    const bytes = this.allocationSize(options);
    if (target.length < bytes)
      throw new GranaryError('INPUT_INVALID', `The frame needs ${bytes} bytes, the destination has ${target.length}.`);
    const tight = tightLayout(this.#width, this.#height);
    const layout = options.layout ?? tight;
    copyPlanes(planes, tight, target, layout, this.#width, this.#height);
    return layout.map(({ offset, stride }) => ({ offset, stride }));
  }

  /** A second frame with the same picture. Errors: `INPUT_INVALID` once closed. */
  clone(): VideoFrame {
    return new VideoFrame(this.#open(), {
      format: 'I420',
      codedWidth: this.#width,
      codedHeight: this.#height,
      timestamp: this.timestamp,
      ...(this.duration === null ? {} : { duration: this.duration }),
    });
  }

  close(): void {
    this.#planes = undefined;
  }

  #open(): Uint8Array {
    if (!this.#planes) throw new GranaryError('INPUT_INVALID', 'The video frame is closed.');
    return this.#planes;
  }
}

function copyPlanes(
  source: Uint8Array,
  from: readonly PlaneLayout[],
  target: Uint8Array,
  to: readonly PlaneLayout[],
  width: number,
  height: number,
): void {
  planeSizes(width, height).forEach((plane, i) => {
    for (let row = 0; row < plane.height; row++) {
      const start = from[i]!.offset + row * from[i]!.stride;
      target.set(source.subarray(start, start + plane.width), to[i]!.offset + row * to[i]!.stride);
    }
  });
}
