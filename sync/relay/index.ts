export { type Relay, type RelayDeps, type RelayEvent, startRelay } from './keep-segments.ts';
export { type RelayOutput, relayOperations } from './operations.ts';
export { RELAY_QUOTAS } from './relay-quotas.ts';
