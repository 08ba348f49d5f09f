export * from './device-sealing.ts';
export * from './export-bundle.ts';
export { bundleSpaceTag, isBundleOf } from './frontier.ts';
export * from './import-bundle.ts';
export type { ImportReport, MissingOperations, MissingSegment } from './import-report.ts';
export * from './list-bundle.ts';
export type { OpenDeps } from './open-bundle.ts';
export * from './operations.ts';
export type {
  BundleFiles,
  BundleSource,
  BundleTarget,
  FindTarget,
  NewFile,
  OpenKey,
  SealKey,
  SegmentSource,
} from './ports.ts';
export { readOperations } from './read-operations.ts';
export type { SegmentReceipt } from './receive-segment.ts';
export type { BundleHeader } from './sections.ts';
