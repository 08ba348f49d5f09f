import { type FrameDecoder, type Luma, PICTURE_LEVELS, PICTURE_SIDE } from '#core/columnar/browser.ts';

/** From dark to bright and from cold to warm: the order of shades is seen without a legend. */
const RAMP = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
] as const;

/** Null is none of the ramp's colours. */
const NULL_COLOUR = [170, 170, 170] as const;

/** Where the palettes of columns start and how far they go, in shades of a frame. */
const SHADE_MIN = 16;
const SHADE_SPAN = 219;

/** A colour of the ramp, 0 to 1, as a pixel. */
function pixelOf(place: number): number {
  const at = Math.min(Math.max(place, 0), 1) * (RAMP.length - 1);
  const below = Math.min(Math.floor(at), RAMP.length - 2);
  return packed([0, 1, 2].map((i) => RAMP[below]![i]! + (RAMP[below + 1]![i]! - RAMP[below]![i]!) * (at - below)));
}

const packed = (colour: readonly number[]): number =>
  new Uint32Array(Uint8Array.from([...colour, 255], Math.round).buffer)[0]!;

const SHADE_PIXELS = Uint32Array.from({ length: 256 }, (_, shade) => pixelOf((shade - SHADE_MIN) / SHADE_SPAN));

const CELL_PIXELS = Uint32Array.from({ length: PICTURE_LEVELS + 1 }, (_, cell) =>
  cell === 0 ? packed(NULL_COLOUR) : pixelOf((cell - 1) / (PICTURE_LEVELS - 1)),
);

/** Draws a frame, a pixel a symbol, in the order of time: by blocks from the upper left. */
export const drawLuma = (canvas: HTMLCanvasElement, { width, height, pixels }: Luma): void =>
  draw(canvas, width, height, pixels, SHADE_PIXELS);

/** Draws the cells of `columnPicture`. */
export const drawCells = (canvas: HTMLCanvasElement, cells: Uint8Array): void =>
  draw(canvas, PICTURE_SIDE, PICTURE_SIDE, cells, CELL_PIXELS);

function draw(canvas: HTMLCanvasElement, width: number, height: number, indices: Uint8Array, pixels: Uint32Array) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const target = new Uint32Array(image.data.buffer);
  for (let i = 0; i < indices.length; i++) target[i] = pixels[indices[i]!]!;
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}

/** Decodes with the first decoder that can, and tells which it was. Errors: those of the last. */
export async function decodePicture(
  decoders: readonly FrameDecoder[],
  unit: Uint8Array,
): Promise<{ readonly luma: Luma; readonly decoder: FrameDecoder['name'] }> {
  let failure: unknown = new Error('Nothing decodes frames here.');
  for (const decoder of decoders) {
    try {
      return { luma: await decoder.decode(unit), decoder: decoder.name };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
