export { peerIdOf } from './adapters/peer-keys.ts';
export { createLibp2pTransport, type Libp2pConfig, type Libp2pDeps } from './adapters/libp2p-transport.ts';
export type { CountedEvent, TransportCounts } from './counters.ts';
export { createMemoryNetwork, type MemoryNetwork, type MemoryNetworkDeps } from './memory-transport.ts';
export type * from './ports.ts';
