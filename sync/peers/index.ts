export { createAgreementStore } from './agreement-store.ts';
export { createFirstContact } from './first-contact.ts';
export * from './operations.ts';
export * from './peers.ts';
export {
  createAdmission,
  JOIN_BYTES_MAX,
  JOIN_FRAME_BYTES_MAX,
  JOIN_PROTOCOL,
  JOIN_STREAMS_PER_PEER_MAX,
} from './redeem-ticket.ts';
export { type SegmentExchange, type SegmentExchangeDeps, startSegmentExchange } from './segment-exchange.ts';
export { type RunningSession, startSyncEngine, SYNC_PROTOCOL, type SyncEngine } from './sync-engine.ts';
export { type EvictDeps, evictAsset, type KeptReason } from './evict-asset.ts';
export { handlePledges, PLEDGE_PROTOCOL, type PledgeDeps } from './pledge-exchange.ts';
