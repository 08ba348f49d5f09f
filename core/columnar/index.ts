export { isNumber } from './column-values.ts';
export * from './browser.ts';
export { ByteWriter } from './byte-io.ts';
export { encodeSegments, verifySegment } from './adapters/node-segments.ts';
export { createWorkerRowGroupEncoder } from './adapters/worker-row-group-encoder.ts';
export { encodeRowGroup } from './encode-row-group.ts';
export { errorBoundsOf, parseMaxError, withErrorBounds } from './error-bound.ts';
export type { EncodedSegment, EncodeSegmentsOptions } from './encode-segments.ts';
export * from './limits.ts';
export {
  ANOMALY_SCORE,
  type ColumnProfile,
  DRIFT_SCORE,
  DRIFT_SIGNALS,
  profileColumn,
  type RowGroupProfile,
} from './profile-column.ts';
export { createInlineRowGroupEncoder, type RowGroupEncoder } from './row-group-encoder.ts';
export type { EncodedChunk, EncodedRowGroup } from './segment-header.ts';
export { bytesSource, type ChunkFault } from './verify-segment.ts';
