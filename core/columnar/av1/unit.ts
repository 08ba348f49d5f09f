import { concatBytes, GranaryError } from '#core/kernel/index.ts';
import { readFrame, type TileData, writeFrame } from './frame-header.ts';
import type { FrameSize, TileGrid } from './frame-shape.ts';
import { metadataObus, metadataPart } from './metadata.ts';
import {
  OBU_FRAME,
  OBU_METADATA,
  OBU_PADDING,
  OBU_SEQUENCE_HEADER,
  OBU_TEMPORAL_DELIMITER,
  obuHeader,
  readObus,
} from './obu.ts';
import { readSequenceHeader, type SequenceHeader, writeSequenceHeader } from './sequence-header.ts';

/** A temporal unit of the column profile, taken apart. */
export interface Unit extends FrameSize {
  readonly monochrome: boolean;
  readonly tiles: readonly TileData[];
  /** The joined bytes of our metadata OBUs. */
  readonly metadata: Uint8Array;
}

/**
 * One temporal unit: sequence header, metadata, frame. Without a temporal delimiter, as WebM, MP4 and WebCodecs want it.
 */
export function writeUnit(
  size: FrameSize,
  grid: TileGrid,
  tileData: readonly Uint8Array[],
  metadata: readonly Uint8Array[],
): Uint8Array {
  const sequence = writeSequenceHeader(size);
  const frame = writeFrame(grid, tileData);
  const frameBytes = frame.reduce((sum, part) => sum + part.length, 0);
  return concatBytes([
    obuHeader(OBU_SEQUENCE_HEADER, sequence.length),
    sequence,
    ...metadataObus(metadata.length === 1 ? metadata[0]! : concatBytes(metadata)),
    obuHeader(OBU_FRAME, frameBytes),
    ...frame,
  ]);
}

/**
 * Takes a temporal unit apart, strictly. `pixelsMax` bounds the frame: the bytes of a large frame can be few. Errors:
 * `CODEC_TRUNCATED`, `CODEC_DAMAGED`, `CODEC_PROFILE`, `LIMIT_EXCEEDED`.
 */
export function readUnit(unit: Uint8Array, pixelsMax: number): Unit {
  let sequence: SequenceHeader | undefined;
  let tiles: TileData[] | undefined;
  const metadata: Uint8Array[] = [];
  let index = 0;
  for (const { type, payload } of readObus(unit)) {
    switch (type) {
      case OBU_SEQUENCE_HEADER:
        if (sequence) throw damaged('a second sequence header');
        sequence = readSequenceHeader(payload);
        if (sequence.width * sequence.height > pixelsMax)
          throw new GranaryError(
            'LIMIT_EXCEEDED',
            `The AV1 frame has ${sequence.width} x ${sequence.height} pixels, expected at most ${pixelsMax}.`,
          );
        break;
      case OBU_FRAME:
        if (!sequence) throw damaged('a frame before its sequence header');
        if (tiles) throw damaged('a second frame');
        tiles = readFrame(payload, sequence);
        break;
      case OBU_METADATA: {
        const part = metadataPart(payload);
        if (part) metadata.push(part);
        break;
      }
      case OBU_TEMPORAL_DELIMITER:
        if (index > 0 || payload.length > 0) throw damaged('a misplaced temporal delimiter');
        break;
      case OBU_PADDING:
        break;
      default:
        throw new GranaryError(
          'CODEC_PROFILE',
          `The AV1 unit holds an OBU of type ${type}, outside the column profile.`,
        );
    }
    index++;
  }
  if (!sequence || !tiles) throw new GranaryError('CODEC_TRUNCATED', 'The AV1 unit ends before its frame.');
  return { ...sequence, tiles, metadata: concatBytes(metadata) };
}

const damaged = (what: string): GranaryError => new GranaryError('CODEC_DAMAGED', `The AV1 unit holds ${what}.`);
