import { concatBytes } from '#core/kernel/index.ts';
import { sameBytes } from '../words.ts';
import { BLOCK_SIZE, type FrameSize } from './frame-shape.ts';
import { metadataObus } from './metadata.ts';
import { OBU_FRAME, OBU_METADATA, OBU_SEQUENCE_HEADER, obuHeader, readObus } from './obu.ts';

/**
 * The smallest frame there is for chunks whose bytes are all metadata: 64 x 64 pixels of one grey, as a still picture,
 * whose headers are short (AV1 "reduced_still_picture_header").
 *
 *     sequence   profile 0, still picture, level 2.0, 64 x 64, no tools, 8 bits, 4:2:0, full range
 *     frame      one tile, base_q_idx 0; one block: PARTITION_NONE, skip, DC_PRED, UV_DC_PRED
 */
const SEQUENCE = Uint8Array.of(0x18, 0x15, 0x7f, 0xfc, 0x01, 0x08);
const FRAME = Uint8Array.of(0x10, 0x00, 0x00, 0x98, 0x80);

/** What a decoder predicts where nothing is known. */
const GREY = 128;

export const placeholderUnit = (metadata: Uint8Array): Uint8Array =>
  concatBytes([
    obuHeader(OBU_SEQUENCE_HEADER, SEQUENCE.length),
    SEQUENCE,
    ...metadataObus(metadata),
    obuHeader(OBU_FRAME, FRAME.length),
    FRAME,
  ]);

/** The picture of {@link placeholderUnit}; undefined for any other unit. Errors: those of `readObus`. */
export function placeholderPicture(unit: Uint8Array): (FrameSize & { readonly pixels: Uint8Array }) | undefined {
  const obus = [...readObus(unit)].filter(({ type }) => type !== OBU_METADATA);
  const [sequence, frame] = obus;
  const isOne =
    obus.length === 2 &&
    sequence!.type === OBU_SEQUENCE_HEADER &&
    sameBytes(sequence!.payload, SEQUENCE) &&
    frame!.type === OBU_FRAME &&
    sameBytes(frame!.payload, FRAME);
  const pixels = () => new Uint8Array(BLOCK_SIZE * BLOCK_SIZE).fill(GREY);
  return isOne ? { width: BLOCK_SIZE, height: BLOCK_SIZE, pixels: pixels() } : undefined;
}
