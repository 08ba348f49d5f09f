/**
 * AV1 key frames as a lossless coder of columns: symbols of an alphabet of 2 to 8 as palette indices, and 64-bit
 * integers on top of them. Everything is synchronous, runs in Node, browsers and Electron alike, and uses one WASM
 * instance per thread.
 */
export type { Bin } from './bins.ts';
export { releaseCodec } from './codec-instance.ts';
export { decodeIntegerUnit, type DecodedIntegers } from './decode-integers.ts';
export { estimateIntegers, type IntegerEstimate, type IntegerPlan } from './estimate-integers.ts';
export { encodeIntegerUnit, type IntegerDescription, type IntegerHints, type IntegerUnit } from './encode-integers.ts';
export {
  createFrameDecoder,
  type FrameDecoder,
  type FrameDecoderName,
  type FrameDecoderSupport,
  probeFrameDecoders,
} from './frame-decoder.ts';
export { isLagged, LAG_MAX, LAG_MIN, type Predictor, PREDICTORS, type Ranker } from './integer-header.ts';
export type { Luma } from './luma.ts';
export { readMetadata } from './metadata.ts';
export { type PackedResiduals, packResiduals, restoreResiduals } from './residuals.ts';
export {
  decodePalette,
  type DecodedPalette,
  encodePalette,
  type EncodePaletteOptions,
  type PaletteMapping,
} from './palette.ts';
export { placeholderUnit } from './placeholder.ts';
