/**
 * What runs in a browser as well as in Node: reading a segment's header and decoding its chunks. Call `installZstd`
 * first; a browser has no zstd of its own.
 */
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
export { decodeChunk, type DecodeOptions } from './decode-chunk.ts';
export { createReusedMemory, type DecodeMemory, type ReusedMemory } from './decode-memory.ts';
export { inspectSegment, type ColumnInspection, type SegmentInspection } from './inspect-segment.ts';
export { parseSegmentHeader, readSegmentHeader } from './parse-segment-header.ts';
export type { ChunkEncoding, ChunkHeader, RowGroupHeader, SegmentHeader } from './segment-header.ts';
export type { ChunkStatistics, StatisticsValue } from './statistics.ts';
export { installZstd, type Zstd } from './zstd.ts';
