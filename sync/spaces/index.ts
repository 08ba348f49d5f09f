export type { JoinedSpace } from './join-space.ts';
export type { OpenSpace } from './open-space.ts';
export * from './operations.ts';
export { type KnownSeal, readSeal, readSealOf } from './sealed-index.ts';
export type { SigningHold } from './publish-changes.ts';
export * from './shared-asset.ts';
export * from './spaces.ts';
