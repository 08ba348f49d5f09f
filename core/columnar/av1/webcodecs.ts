/**
 * The W3C WebCodecs classes for the column profile, in Node and browsers alike: lossless, without a native codec. Errors
 * are `GranaryError`s where the standard has DOMExceptions. Frames outside the profile go to the platform's own
 * `VideoDecoder`, where there is one.
 */
export { codecString } from './webcodecs/codec-string.ts';
export { EncodedVideoChunk, type EncodedVideoChunkInit } from './webcodecs/encoded-video-chunk.ts';
export { VideoDecoder, type VideoDecoderConfig, type VideoDecoderInit } from './webcodecs/video-decoder.ts';
export {
  type EncodedVideoChunkMetadata,
  VideoEncoder,
  type VideoEncoderConfig,
  type VideoEncoderInit,
} from './webcodecs/video-encoder.ts';
export {
  type PlaneLayout,
  VideoFrame,
  type VideoFrameCopyToOptions,
  type VideoFrameInit,
} from './webcodecs/video-frame.ts';
