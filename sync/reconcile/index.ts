export type { Agreement } from './agreement.ts';
export { OPERATION_BYTES_MAX as SYNC_OPERATION_BYTES_MAX } from './limits.ts';
export { compareBytes, type LogTip, NO_OPERATION } from './log-tip.ts';
export type * from './ports.ts';
export type { SyncProgress } from './progress.ts';
export type { SpaceReport } from './reconcile-space.ts';
export type { MissingReason, RefusalReason } from './refusal.ts';
export * from './run-session.ts';
export * from './space-view.ts';
export * from './tip-tree.ts';
export {
  fixedBytes,
  lengthAndBytes,
  list,
  number,
  record,
  type ValueOf,
  type WireCursor,
  type WireField,
} from './wire-fields.ts';
