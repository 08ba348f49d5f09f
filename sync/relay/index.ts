export { type Relay, type RelayDeps, type RelayEvent, startRelay } from './keep-segments.ts';
export { type RelayOutput, relayOperations } from './operations.ts';
export { createPromiseHeld, type PromiseHeld } from './promise-held.ts';
export { RELAY_QUOTAS } from './relay-quotas.ts';
