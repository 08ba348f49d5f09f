import { GranaryError } from '#core/kernel/index.ts';

/** What a track says of its frames: AV1 "General sequence header OBU syntax" as far as the picture's size. */
export interface SequenceSize {
  readonly level: number;
  readonly width: number;
  readonly height: number;
}

const OBU_SEQUENCE_HEADER = 1;
/** seq_profile and still_picture; then reduced_still_picture_header. */
const BITS_BEFORE_REDUCED = 3 + 1;
/** timing_info_present_flag to operating_point_idc: all before the level, unless the header is reduced. */
const BITS_BEFORE_LEVEL = 1 + 1 + 5 + 12;
/** Levels above this one carry a tier bit. */
const LEVEL_WITHOUT_TIER_MAX = 7;

/** Level and size of the picture in a temporal unit of the column profile. Errors: `CODEC_PROFILE`. */
export function readSequenceSize(unit: Uint8Array): SequenceSize {
  const header = findSequenceHeader(unit);
  let at = BITS_BEFORE_REDUCED;
  const read = (bits: number): number => {
    let value = 0;
    for (let i = 0; i < bits; i++, at++) value = value * 2 + (((header[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
    return value;
  };
  const isReduced = read(1) === 1;
  if (!isReduced) at += BITS_BEFORE_LEVEL;
  const level = read(5);
  if (!isReduced && level > LEVEL_WITHOUT_TIER_MAX) read(1);
  const widthBits = read(4) + 1;
  const heightBits = read(4) + 1;
  return { level, width: read(widthBits) + 1, height: read(heightBits) + 1 };
}

function findSequenceHeader(unit: Uint8Array): Uint8Array {
  for (let at = 0; at < unit.length;) {
    const type = (unit[at]! >> 3) & 15;
    let size = 0;
    let next = at + 1;
    for (let shift = 1; ; shift *= 128) {
      const byte = unit[next++] ?? 0;
      size += (byte & 127) * shift;
      if (byte < 128) break;
    }
    if (type === OBU_SEQUENCE_HEADER) return unit.subarray(next, next + size);
    at = next + size;
  }
  throw new GranaryError('CODEC_PROFILE', 'An AV1 unit has no sequence header.');
}

/**
 * The track's private data: the AV1CodecConfigurationRecord ("AV1 in ISOBMFF" section 2.3) without OBUs, since every
 * unit repeats its own sequence header.
 */
export const codecPrivate = (level: number): Uint8Array =>
  // marker and version; profile 0 and level; 8 bits, 4:2:0; no presentation delay
  Uint8Array.of(0x81, level, 0x0c, 0x00);
