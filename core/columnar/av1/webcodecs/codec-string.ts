import type { FrameSize } from '../frame-shape.ts';
import { levelIndex } from '../sequence-header.ts';

/** AV1 profile 0, any level, 8 bits (AV1 in ISOBMFF, "Codecs Parameter String"); optional colour fields are not read. */
const PROFILE_PATTERN = /^av01\.0\.\d{2}[MH]\.08(?:\.|$)/;

export const isProfileCodec = (codec: string): boolean => PROFILE_PATTERN.test(codec);

/** The codec string of frames of a size, such as `av01.0.08M.08`. */
export const codecString = (size: FrameSize): string => `av01.0.${String(levelIndex(size)).padStart(2, '0')}M.08`;
