export type { Agreement } from './agreement.ts';
export type { LogTip } from './log-tip.ts';
export type * from './ports.ts';
export type { SyncProgress } from './progress.ts';
export type { SpaceReport } from './reconcile-space.ts';
export type { MissingReason, RefusalReason } from './refusal.ts';
export * from './run-session.ts';
export * from './space-view.ts';
export * from './tip-tree.ts';
