export * from './announcement.ts';
export { type AskDeps, askPledges, type PledgeOutcome } from './ask-pledges.ts';
export { fetchPlain, type FetchPlainDeps } from './fetch-plain.ts';
export { createSegmentFetcher } from './fetch-segments.ts';
export { SEGMENT_FRAME_BYTES_MAX } from './frames.ts';
export { type GiveDeps, type GiveEvent, givePledges, PLEDGE_MS_MAX, type PledgePeer } from './give-pledges.ts';
export { createHashTree, type HashTree, layoutOfRoot, pageHashOf } from './hash-tree.ts';
export * from './open-sealed.ts';
export { createPartial, type PartialSegment, resumePartial } from './partial-segment.ts';
export { createPledgeBook, type EvictionRules, type PledgeBook } from './pledge-book.ts';
export { PLEDGE_FRAME_BYTES_MAX } from './pledge-frames.ts';
export { type EvictionVerdict, isPledge, type Pledge, pledgesNeeded } from './pledges.ts';
export type * from './ports.ts';
export { openLeaf, sealLeaf } from './seal-leaf.ts';
export * from './seal-segment.ts';
export { openSealedFile, sealedCorrupt, type SealedFile, verifySealed } from './sealed-file.ts';
export {
  LEAF_BYTES,
  LEAF_PLAIN_BYTES,
  LEAF_TAG_BYTES,
  leafBytes,
  leafOffset,
  PAGE_LEAVES,
  pageLeaves,
  SEALED_BYTES_MAX,
  sealedByteCount,
  sealedFileBytes,
  type SealedLayout,
} from './sealed-layout.ts';
export {
  decodeSealedSegment,
  encodeSealedSegment,
  isSealedName,
  type SealedName,
  type SealedSegment,
} from './sealed-segment.ts';
export * from './sealed-source.ts';
export type * from './segment-fetcher.ts';
export { createServeGate, type ServeGate, type ServeLimits } from './serve-gate.ts';
export { type ServeDeps, type ServeEvent, serveSegments } from './serve-segments.ts';
export { createServedSegments, type FindPlain } from './served-segments.ts';
export type { Urgency, WantedStatus } from './wanted.ts';
