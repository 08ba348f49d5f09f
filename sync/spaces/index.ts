export { forgetAnnounced, type KnownAnnouncement, readAnnounced, spacesAnnouncing } from './announced-segments.ts';
export { carriedUntil, isCarried } from './carry-space.ts';
export { isForgotten, isLeft } from './find-removal.ts';
export type { JoinedSpace } from './join-space.ts';
export type { OpenSpace } from './open-space.ts';
export * from './operations.ts';
export { matchDevices } from './members.ts';
export { previewSpace, type SpacePreview } from './preview-space.ts';
export { readRowsHere, type RowsHere } from './rows-here.ts';
export {
  isProved,
  putProved,
  readAllSeals,
  readProved,
  readProvedSeals,
  readSeals,
  readToldSeals,
  type SealPlace,
} from './sealed-index.ts';
export type { SigningHold } from './publish-changes.ts';
export * from './shared-asset.ts';
export type { SpaceQuotas } from './space-store.ts';
export * from './spaces.ts';
