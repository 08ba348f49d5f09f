import { BitReader, BitWriter, type FixedField } from './bits.ts';
import { type FrameSize, isProfileSize } from './frame-shape.ts';
import { GranaryError } from '#core/kernel/index.ts';

/**
 * The sequence header of the column profile (AV1 "General sequence header OBU syntax", "Color config syntax"): 8 bits,
 * no filters, screen content tools on, 4:2:0. It is repeated in every unit, so that each unit can be decoded alone and
 * may have a size of its own.
 */
export interface SequenceHeader extends FrameSize {
  /** Monochrome is read but never written: some decoders cannot hand out such frames. */
  readonly monochrome: boolean;
}

const BEFORE_LEVEL: readonly FixedField[] = [
  ['seq_profile', 3, 0],
  ['still_picture', 1, 0],
  ['reduced_still_picture_header', 1, 0],
  ['timing_info_present_flag', 1, 0],
  ['initial_display_delay_present_flag', 1, 0],
  ['operating_points_cnt_minus_1', 5, 0],
  ['operating_point_idc', 12, 0],
];

const AFTER_SIZE: readonly FixedField[] = [
  ['frame_id_numbers_present_flag', 1, 0],
  ['use_128x128_superblock', 1, 0],
  ['enable_filter_intra', 1, 0],
  ['enable_intra_edge_filter', 1, 0],
  ['enable_interintra_compound', 1, 0],
  ['enable_masked_compound', 1, 0],
  ['enable_warped_motion', 1, 0],
  ['enable_dual_filter', 1, 0],
  ['enable_order_hint', 1, 0],
  ['seq_choose_screen_content_tools', 1, 0],
  ['seq_force_screen_content_tools', 1, 1],
  ['seq_choose_integer_mv', 1, 0],
  ['seq_force_integer_mv', 1, 0],
  ['enable_superres', 1, 0],
  ['enable_cdef', 1, 0],
  ['enable_restoration', 1, 0],
  ['high_bitdepth', 1, 0],
];

const AFTER_MONOCHROME: readonly FixedField[] = [
  ['color_description_present_flag', 1, 0],
  ['color_range', 1, 1],
];

const WITH_CHROMA: readonly FixedField[] = [
  ['chroma_sample_position', 2, 0],
  ['separate_uv_delta_q', 1, 0],
];

const LAST: readonly FixedField[] = [['film_grain_params_present', 1, 0]];

/** The AV1 levels that are written: `seq_level_idx` with its largest picture (AV1 annex "Levels"). */
const LEVELS = [
  { index: 0, pixels: 147_456, width: 2048, height: 1152 },
  { index: 8, pixels: 2_359_296, width: 6144, height: 3456 },
  { index: 13, pixels: 8_912_896, width: 8192, height: 4352 },
  { index: 17, pixels: 35_651_584, width: 16_384, height: 8704 },
] as const;
/** "Maximum parameters": no level restricts the picture. */
const LEVEL_UNRESTRICTED = 31;
/** Above this level a tier is coded. */
const LEVEL_WITHOUT_TIER_MAX = 7;

/** `seq_level_idx` of the lowest level that a frame fits. */
export const levelIndex = ({ width, height }: FrameSize): number =>
  LEVELS.find((level) => width * height <= level.pixels && width <= level.width && height <= level.height)?.index ??
  LEVEL_UNRESTRICTED;

const bitLength = (value: number): number => Math.max(1, 32 - Math.clz32(value));

/** The payload of the sequence header OBU for frames of a size. */
export function writeSequenceHeader(size: FrameSize): Uint8Array {
  const writer = new BitWriter();
  const level = levelIndex(size);
  const widthBits = bitLength(size.width - 1);
  const heightBits = bitLength(size.height - 1);
  writer.writeFixed(BEFORE_LEVEL);
  writer.write(5, level);
  if (level > LEVEL_WITHOUT_TIER_MAX) writer.write(1, 0);
  writer.write(4, widthBits - 1);
  writer.write(4, heightBits - 1);
  writer.write(widthBits, size.width - 1);
  writer.write(heightBits, size.height - 1);
  writer.writeFixed(AFTER_SIZE);
  writer.write(1, 0);
  writer.writeFixed(AFTER_MONOCHROME);
  writer.writeFixed(WITH_CHROMA);
  writer.writeFixed(LAST);
  writer.write(1, 1);
  return writer.bytes();
}

/** Errors: `CODEC_TRUNCATED`, `CODEC_PROFILE`. */
export function readSequenceHeader(payload: Uint8Array): SequenceHeader {
  const reader = new BitReader(payload);
  reader.expect(BEFORE_LEVEL);
  const level = reader.read(5);
  if (level > LEVEL_WITHOUT_TIER_MAX) reader.expect([['seq_tier', 1, 0]]);
  const widthBits = reader.read(4) + 1;
  const heightBits = reader.read(4) + 1;
  const width = reader.read(widthBits) + 1;
  const height = reader.read(heightBits) + 1;
  reader.expect(AFTER_SIZE);
  const monochrome = reader.read(1) === 1;
  reader.expect(AFTER_MONOCHROME);
  if (!monochrome) reader.expect(WITH_CHROMA);
  reader.expect(LAST);
  reader.expectTrailingBits();
  if (!isProfileSize({ width, height }))
    throw new GranaryError('CODEC_PROFILE', `Frames of ${width} x ${height} pixels lie outside the column profile.`);
  return { width, height, monochrome };
}
