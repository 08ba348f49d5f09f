export { createSegmentFetcher, type FetchDeps, type FetchEvent, type SegmentFetcher } from './fetch-segments.ts';
export { SEGMENT_FRAME_BYTES_MAX } from './frames.ts';
export { createHashTree, type HashTree } from './hash-tree.ts';
export * from './open-sealed.ts';
export type * from './ports.ts';
export * from './seal-segment.ts';
export { verifySealed } from './sealed-file.ts';
export { SEALED_BYTES_MAX, sealedByteCount } from './sealed-layout.ts';
export {
  decodeSealedSegment,
  encodeSealedSegment,
  isSealedName,
  type SealedName,
  type SealedSegment,
} from './sealed-segment.ts';
export { type ServeDeps, type ServeEvent, serveSegments } from './serve-segments.ts';
export type { WantedStatus } from './wanted.ts';
