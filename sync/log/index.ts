export * from './canonical-cbor.ts';
export * from './check-successor.ts';
export * from './device-key.ts';
export * from './envelope.ts';
export type { Extensions } from './extensions.ts';
export { checkForkProof, encodeForkProof, FORK_PROOF_BYTES_MAX, isForkProof, type ForkProof } from './fork-proof.ts';
export type { Header, Payload } from './header.ts';
export * from './incarnation.ts';
export {
  DEVICE_LOGS_MAX,
  DEVICE_PROVISIONAL_BYTES_MAX,
  type IngestOutcome,
  OPERATION_BYTES_MAX,
  orInvalid,
  type RefusalReason,
} from './ingest-operation.ts';
export * from './local-log.ts';
export * from './log-registration.ts';
export { type LogName, logPath, type LogTip } from './log-keys.ts';
export { encodeRootInput, type LogHead, type LogState, operationCount } from './log-state.ts';
export * from './log-store.ts';
export * from './operation.ts';
export { operationInvalid } from './operation-invalid.ts';
export type * from './ports.ts';
export * from './space-logs.ts';
export { verifyStrict } from './strict-signature.ts';
export * from './verify-logs.ts';
export * from './p2panda-operation.ts';
