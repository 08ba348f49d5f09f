/**
 * What runs in a browser as well as in Node: opening a segment wherever it lies, and decoding its chunks. In a browser
 * call `installZstd(browserZstd)` first; it has no zstd of its own.
 */
export { blobSource } from './adapters/blob-source.ts';
export { browserZstd } from './adapters/browser-zstd.ts';
export { type Fetch, openHttpSource } from './adapters/http-source.ts';
export {
  fieldFromJson,
  fieldToJson,
  schemaFromJson,
  schemaToJson,
  typeFromJson,
  typeToJson,
  type FieldJson,
  type SchemaJson,
  type TypeJson,
} from './arrow-json.ts';
export {
  createFrameDecoder,
  type FrameDecoder,
  type FrameDecoderName,
  type FrameDecoderSupport,
  type Luma,
  probeFrameDecoders,
} from './av1/index.ts';
export { columnPicture, PICTURE_LEVELS, PICTURE_SIDE } from './column-picture.ts';
export { decodeChunk, type DecodeOptions } from './decode-chunk.ts';
export { createReusedMemory, type DecodeMemory, type ReusedMemory } from './decode-memory.ts';
export { inspectSegment, type ColumnInspection, type SegmentInspection } from './inspect-segment.ts';
export { openSegment, type OpenSegment } from './open-segment.ts';
export { parseSegmentHeader, readSegmentHeader } from './parse-segment-header.ts';
export type { LostChunk } from './recover-segment.ts';
export type { ChunkEncoding, ChunkHeader, RowGroupHeader, SegmentHeader } from './segment-header.ts';
export type { ChunkStatistics, StatisticsValue } from './statistics.ts';
export { installZstd, type Zstd } from './zstd.ts';
